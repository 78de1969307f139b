# SPDX-License-Identifier: Apache-2.0
"""Layers and looks with offsets that a test chooses."""

from __future__ import annotations

import numpy as np

from lib.data.labels import CLASS_NAMES, PALETTE
from lib.looking.look import Layer, Look
from lib.looking.places import Geometry


def geometry(stride=16, dilate=2, size=(6, 8)) -> Geometry:
    """A 3x3 convolution that keeps the size of its input, which has one pixel per `stride` image pixels."""
    pair, scale = (dilate, dilate), (float(stride), float(stride))
    return Geometry((3, 3), (1, 1), pair, pair, scale, (2.0, 2.0), size, size)


def layer(kind="deformable", offset=0.0, mask=None, sets=1, name="res5a_branch2b", **options) -> Layer:
    """offset: a number, or an array that can be broadcast to the layer's offsets."""
    g = geometry(**options)
    maps = (1, 1) if kind == "active" else g.size
    offset = np.broadcast_to(np.asarray(offset, np.float32), (sets, 9, 2, *maps)).copy()
    if mask is not None:
        mask = np.broadcast_to(np.asarray(mask, np.float32), (sets, 9, *maps)).copy()
    return Layer(name, kind, g, offset, mask)


def look(*layers, truth=True) -> Look:
    """A picture of random pixels with these layers."""
    g = layers[0].geometry
    random = np.random.default_rng(0)
    size = tuple(int(n * s) for n, s in zip(g.size, g.scale))
    image = random.integers(0, 256, (*size, 3), dtype=np.uint8)
    ids = random.integers(0, 19, (2, *size), dtype=np.uint8)
    ids[1, :4] = 255
    truth = ids[1] if truth else None
    return Look("a_run", 3, "a_picture", image, ids[0], truth, 0.5, list(layers), CLASS_NAMES, PALETTE)
