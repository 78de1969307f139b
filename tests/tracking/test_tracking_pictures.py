# SPDX-License-Identifier: Apache-2.0
"""Frames with boxes, strips and clips."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from looks_made import layer, look
from matplotlib.figure import Figure
from PIL import Image, ImageColor

from lib.pictures.gif import gif
from tracking.pictures import (
    FOUND,
    FOUND_ZERO,
    TRUTH,
    around,
    beside,
    clip,
    draw_strip,
    framed,
    places_of,
    target_pixel,
)  # fmt: skip
from tracking.tracker import Found


def test_boxes_are_drawn_around_their_pixels():
    image = np.zeros((40, 80, 3), np.uint8)
    made = np.asarray(framed(image, {TRUTH: np.array([10, 5, 20, 10]), FOUND: np.full(4, np.nan)}))
    assert made.shape == (160, 320, 3)
    rows, columns = np.nonzero((made == ImageColor.getrgb(TRUTH)).all(-1))
    assert (rows.min(), rows.max() + 1, columns.min(), columns.max() + 1) == (20, 60, 40, 120)
    assert not made[24:56, 44:116].any() and not (made == ImageColor.getrgb(FOUND)).all(-1).any()


def test_a_clip_has_every_frame_and_holds_the_last():
    frames = [framed(np.full((20, 400, 3), 60 * n, np.uint8), {}) for n in range(3)]
    with Image.open(BytesIO(clip(frames))) as film:
        assert film.n_frames == 3 and film.size == (400, 20)
        film.seek(2)
        assert film.info["duration"] == 8 * 80
    with pytest.raises(ValueError, match="at least one picture"):
        gif([], 80)
    with pytest.raises(ValueError, match="at least one frame"):
        clip([])


def test_boxes_keep_their_colours_in_a_clip():
    noise = np.random.default_rng(0).integers(0, 255, (2, 40, 320, 3), dtype=np.uint8)
    boxes = {TRUTH: [10, 5, 20, 10], FOUND: [50, 5, 20, 10], FOUND_ZERO: [90, 5, 20, 10]}
    with Image.open(BytesIO(clip([framed(each, boxes) for each in noise]))) as film:
        film.seek(1)
        shown = film.convert("RGB")
    assert [shown.getpixel((x, 5)) for x in (10, 50, 90)] == [ImageColor.getrgb(each) for each in boxes]


def test_pictures_stand_side_by_side():
    made = beside([Image.new("RGB", (4, 3), "red"), Image.new("RGB", (2, 5), "blue")])
    assert made.size == (6, 5) and made.getpixel((4, 4)) == (0, 0, 255) and made.getpixel((0, 4)) == (255, 255, 255)
    assert places_of(40, 6) == [0, 8, 16, 23, 31, 39] and places_of(2, 6) == [0, 1] and places_of(1, 6) == [0]


def test_a_film_is_followed_frame_by_frame():
    from tracking.run import follow

    class Right:
        def start(self, image, box):
            self.box = np.array(box, float)

        def step(self, image):
            self.box = self.box + [2, 0, 0, 0]
            return Found(self.box, 0.5)

    film = [np.zeros((30, 40, 3), np.uint8)] * 5
    boxes, scores, kept = follow(Right(), iter(film), np.array([1.0, 2, 3, 4]), every=2)
    assert boxes[:, 0].tolist() == [1, 3, 5, 7, 9] and scores.tolist() == [1, 0.5, 0.5, 0.5, 0.5] and len(kept) == 3
    with pytest.raises(ValueError, match=r"lies outside the first frame, 40 x 30"):
        follow(Right(), iter(film), np.array([41.0, 2, 3, 4]))
    with pytest.raises(ValueError, match="the film has no frames"):
        follow(Right(), iter([]), np.array([1.0, 2, 3, 4]))


def test_a_strip_shows_boxes_and_what_is_read_from_the_middle_of_the_target():
    seen = look(layer(offset=1.0))
    mask = np.zeros(seen.image.shape[:2], np.uint8)
    mask[20:50, 30:61] = 1
    assert around(mask).tolist() == [30, 20, 31, 30]
    assert np.isnan(around(mask * 0)).all() and np.isnan(around(None)).all()
    seen.prediction, seen.truth = mask, None
    y, x = target_pixel(seen, seen.layers[-1])
    assert abs(y - 35) <= 8 and abs(x - 45) <= 8 and (y - 2) % 16 == 0 and (x - 2) % 16 == 0  # the middle of a cell
    figure = Figure()
    draw_strip(figure, [seen, seen])
    assert [axis.get_title() for axis in figure.axes] == ["a_picture"] * 2 + ["moved 1.41 cells"] * 2
    unknown, found = figure.axes[0].patches
    assert found.get_bbox().bounds == (29.5, 19.5, 31, 30) and np.isnan(unknown.get_bbox().bounds).all()
