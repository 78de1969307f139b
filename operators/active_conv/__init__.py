# SPDX-License-Identifier: Apache-2.0
"""ActiveConvolution: the places of the taps are parameters of the layer."""
