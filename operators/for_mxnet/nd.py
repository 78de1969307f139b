# SPDX-License-Identifier: Apache-2.0
"""Functions on NDArrays, one per operator, with the signature stock MXNet would give it; nd.pyi names them."""

from __future__ import annotations

from operators import library
from operators.for_mxnet.imperative import imperative

globals().update({name: imperative(description, __name__) for name, description in library.descriptions().items()})
__all__ = list(library.descriptions())
