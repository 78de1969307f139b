# SPDX-License-Identifier: Apache-2.0
"""DeepLab on Cityscapes: trains, evaluates and shows networks whose convolutions learn where to look."""
