# SPDX-License-Identifier: Apache-2.0
"""What every operator shares: bilinear sampling, columns, products, threads (C++); the references' ground (Python)."""
