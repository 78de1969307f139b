# SPDX-License-Identifier: Apache-2.0
"""Measures of predictions, on NumPy arrays."""
