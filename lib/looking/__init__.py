# SPDX-License-Identifier: Apache-2.0
"""Which layers learn where to look, where they look, and how far they have moved. NumPy only."""
