# SPDX-License-Identifier: Apache-2.0
"""The networks that are torch modules, described without PyTorch."""
