# SPDX-License-Identifier: Apache-2.0
"""Changes of pairs for training: where pixels stand, with the flow that follows from it, and how they look.

The kinds are those of FlowNet (Dosovitskiy et al. 2015, section 4.3); how far they go is a configuration's.
"""

from __future__ import annotations

import numpy as np

from lib.data import affine
from lib.data.flow_files import UNKNOWN, known

Maps = tuple[np.ndarray, np.ndarray]


def geometric(
    first: np.ndarray, second: np.ndarray, flow: np.ndarray, places: Maps, size: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Both pictures and the flow, (h, w, ...) of `size`, as seen through two affine maps.

    first, second: float or uint8 (H, W, 3). flow: float32 (H, W, 2). places: of each picture, the map
    (`lib.data.affine`) from a pixel (x, y) of the new picture to the place in the old one that it shows; outside, what
    is nearest.

    A pixel p of the new first picture shows q = A(p). That moves to q + flow(q), which the new second picture has at
    B^-1(q + flow(q)): its flow is that minus p. Unknown where q is outside, or a pixel around it is unknown.
    """
    grid = affine.pixels(*size)
    shown = affine.apply(places[0], grid)
    there = known(flow)
    values = np.concatenate([np.where(there[..., None], flow, 0), there[..., None]], -1)
    read = affine.sampled(values.astype(np.float32), shown)
    goes = affine.apply(np.linalg.inv(places[1]), shown + read[..., :2]) - grid
    fits = (read[..., 2] > 1 - 1e-5) & affine.inside(shown, *flow.shape[:2])
    new_flow = np.where(fits[..., None], goes, UNKNOWN).astype(np.float32)
    new_first = affine.sampled(first.astype(np.float32), shown)
    return new_first, affine.sampled(second.astype(np.float32), affine.apply(places[1], grid)), new_flow


def drawn_places(random: np.random.Generator, settings, old: tuple[int, int], new: tuple[int, int]) -> Maps:
    """The two maps of `geometric` for pictures of size `old`, (h, w), shown in size `new`: both are turned, scaled,
    moved and mirrored alike about their middles, the second one a little more. settings: a `flow.schema.Augment`."""

    def drawn(translation: float, rotation: float, scale: float) -> np.ndarray:
        turn = affine.turned(random.uniform(-rotation, rotation), 1 / scale)
        shift = random.uniform(-translation, translation, 2) * (old[1], old[0])
        return affine.moved(*shift) @ affine.about(turn, *_middle(old))

    low, high = settings.scale
    flips = [(1 - 2 * random.integers(0, 2)) if may else 1 for may in (settings.flip_x, settings.flip_y)]
    cut = affine.moved(*(_middle(old) - _middle(new)))  # the middle of the old picture, unless moved
    both = drawn(settings.translation, settings.rotation, np.exp(random.uniform(np.log(low), np.log(high))))
    both = both @ affine.about(np.diag([*flips, 1.0]), *_middle(old)) @ cut
    return both, drawn(settings.second_translation, settings.second_rotation, 1.0) @ both


def recoloured(random: np.random.Generator, settings, *pictures: np.ndarray) -> list[np.ndarray]:
    """Pictures (h, w, 3) of grey levels from 0 to 255 with other colours, the same change for all, and noise of their
    own. settings: a `flow.schema.Augment`."""
    brightness = random.normal(0, settings.brightness)
    contrast = 1 + random.uniform(-settings.contrast, settings.contrast)
    colour = 1 + random.uniform(-settings.colour, settings.colour, 3)
    gamma = random.uniform(*settings.gamma)
    noise = random.uniform(0, settings.noise)
    made = []
    for picture in pictures:
        levels = np.clip(picture / 255 * colour, 0, 1)
        if gamma != 1:
            levels = levels**gamma
        levels = (levels - 0.5) * contrast + 0.5 + brightness
        if noise:
            levels = levels + random.normal(0, noise, picture.shape)
        made.append((255 * np.clip(levels, 0, 1)).astype(np.float32))
    return made


def _middle(size: tuple[int, int]) -> np.ndarray:
    """(x, y)."""
    return np.array([(size[1] - 1) / 2, (size[0] - 1) / 2])
