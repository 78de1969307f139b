# SPDX-License-Identifier: Apache-2.0
"""PSROIPooling: a bin of a region is the mean of the pixels it touches."""
