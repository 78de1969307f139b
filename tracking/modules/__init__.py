# SPDX-License-Identifier: Apache-2.0
"""The networks, described without PyTorch: one file per features that they compare."""
