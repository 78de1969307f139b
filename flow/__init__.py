# SPDX-License-Identifier: Apache-2.0
"""Optical flow: where every pixel of one picture is in the next. FlowNetS and FlowNetC, with and without LS-DFN."""
