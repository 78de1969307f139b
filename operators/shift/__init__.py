# SPDX-License-Identifier: Apache-2.0
"""Shift: every channel is read at its own displacement."""
