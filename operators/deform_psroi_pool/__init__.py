# SPDX-License-Identifier: Apache-2.0
"""DeformablePSROIPooling: a bin of a region is moved by learned offsets."""
