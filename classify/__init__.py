# SPDX-License-Identifier: Apache-2.0
"""Classifiers of small pictures: digits, digits at many scales, CIFAR; their convolutions learn where to look."""
