# SPDX-License-Identifier: Apache-2.0
"""One street picture and its truth, from a seed."""

from __future__ import annotations

import numpy as np
from PIL import Image

from lib.data.labels import ID_OF_NAME as ID
from lib.data.streets.bodies import Body, decoy_of, draw_body, place_bodies
from lib.data.streets.canvas import Canvas
from lib.data.streets.furniture import Post, draw_post, place_posts
from lib.data.streets.scenery import draw_scenery
from lib.data.streets.view import View, look

SPLITS = ("train", "val", "test")
GRAMMAR = 1
"""Version of the drawing: counts up whenever the pictures of a seed change."""
NOISE = 12.0
"""Standard deviation of the pixel noise, in grey levels of 0..255."""


def render(seed: int, split: str, index: int, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw picture `index` of `split`; it depends on these five arguments and on nothing else.

    Returns:
        image: uint8 (height, width, 3), RGB.
        labels: uint8 (height, width), Cityscapes label ids.
    """
    return render_with_bodies(seed, split, index, height, width)[:2]


def render_with_bodies(seed: int, split: str, index: int, height: int, width: int, decoys: bool = False):
    """The same, and the list of bodies in it. decoys : each mast carries a second flag, which says nothing."""
    rng = np.random.default_rng((seed, SPLITS.index(split), index))
    rng_of_decoys = np.random.default_rng((seed, SPLITS.index(split), index, 1))  # all else is as without them
    view = look(rng, height, width)
    canvas = Canvas(height, width, ID["terrain"])
    draw_scenery(canvas, view, rng)
    taken: list = []
    posts = place_posts(view, rng, taken)
    bodies = place_bodies(view, rng, taken)
    decoy = {body: decoy_of(view, rng_of_decoys, body, taken) for body in bodies} if decoys else {}
    things: list[Body | Post] = [*posts, *bodies]
    for thing in sorted(things, key=lambda thing: thing.feet):
        if isinstance(thing, Body):
            draw_body(canvas, view, rng, thing, decoy.get(thing))
        else:
            draw_post(canvas, view, rng, thing)
    _bonnet(canvas, view)
    image, labels = canvas.arrays()
    return _photograph(image, view, rng), labels, bodies


def _bonnet(canvas: Canvas, view: View) -> None:
    """The bonnet of the car that carries the camera, as in Cityscapes: label `ego vehicle`, ignored."""
    w, h = view.width, view.height
    canvas.ellipse(-0.1 * w, 0.965 * h, 1.1 * w, 1.1 * h, (44, 46, 52), ID["ego vehicle"])


def _photograph(image: np.ndarray, view: View, rng: np.random.Generator) -> np.ndarray:
    """Uneven light, exposure and noise. The grain is one unit wide, so that it grows with the picture."""
    rows, columns = round(view.height / view.unit), round(view.width / view.unit)
    light = rng.normal(0, 1, (4, 6)).astype(np.float32) * 9
    grain = rng.normal(0, NOISE, (rows, columns, 3)).astype(np.float32)
    image = image * rng.uniform(0.85, 1.1) + _stretch(light, view)[..., None]
    for channel in range(3):
        image[..., channel] += _stretch(grain[..., channel], view)
    return (image + 0.5).clip(0, 255).astype(np.uint8)


def _stretch(field: np.ndarray, view: View) -> np.ndarray:
    if field.shape == (view.height, view.width):
        return field
    return np.asarray(Image.fromarray(field).resize((view.width, view.height), Image.Resampling.BILINEAR))
