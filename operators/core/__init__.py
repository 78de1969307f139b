# SPDX-License-Identifier: Apache-2.0
"""What every operator shares: views, bilinear sampling, columns, matrix product, threads (C++), and the NumPy references' common part."""
