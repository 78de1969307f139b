# SPDX-License-Identifier: Apache-2.0
"""The compiled CPU kernels on NumPy arrays, forward and backward."""

from operators.for_numpy.front import Operator

__all__ = ["Operator"]
