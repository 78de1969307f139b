# SPDX-License-Identifier: Apache-2.0
"""DeformableConvolution and ModulatedDeformableConvolution: the places of the taps are computed from the data."""
