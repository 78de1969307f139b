# SPDX-License-Identifier: Apache-2.0
"""The operators of this library: one room (folder) each. A new room is one more name in this list."""

ROOMS = ["shift", "active_conv", "deform_conv", "psroi_pool", "deform_psroi_pool", "dynamic_filter"]
