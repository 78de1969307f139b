# SPDX-License-Identifier: Apache-2.0
"""Functions on Symbols, one per operator, with the signature stock MXNet would give it; sym.pyi names them."""

from __future__ import annotations

from operators import library
from operators.for_mxnet.symbolic import symbolic

globals().update({name: symbolic(description, __name__) for name, description in library.descriptions().items()})
__all__ = list(library.descriptions())
