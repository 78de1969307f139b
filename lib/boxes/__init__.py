# SPDX-License-Identifier: Apache-2.0
"""Boxes of objects: geometry, anchors, what is proposed, what is learned from them. NumPy and a Cython core.

A box is [x1, y1, x2, y2] in pixels, both corners inside it, so that it is x2 - x1 + 1 wide: the order and the widths of
the original (Deformable-ConvNets, lib/bbox), whose files and weights mean them so. Everything is a pure function of its
arguments; what is random takes a numpy.random.Generator.
"""

from importlib.util import find_spec

if find_spec("lib.boxes.core") is None:
    raise ImportError("lib.boxes.core is not built; run `python setup.py build_ext --inplace`, or scripts/setup.sh")
