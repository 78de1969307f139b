# SPDX-License-Identifier: Apache-2.0
"""Squares that are cut out of pictures."""

from __future__ import annotations

import numpy as np
import pytest

from lib.data.crops import crop, from_crop, middle_of, side_of, to_crop


@pytest.fixture
def image():
    made = np.zeros((20, 30, 3), np.uint8)
    made[6:10, 12:18] = 240  # the box [12, 6, 6, 4]
    return made


def test_a_crop_of_its_own_size_is_a_part_of_the_picture(image):
    assert (crop(image, (7.5, 14.5), 8, 8) == image[4:12, 11:19]).all()
    assert (crop(image, (7, 14), 9, 9) == image[3:12, 10:19]).all()


def test_boxes_go_where_the_pixels_go(image):
    assert middle_of([12, 6, 6, 4]) == (7.5, 14.5)
    for middle, side, size in (((7.5, 14.5), 8, 32), ((9.5, 14.5), 12, 60), ((6, 12), 16, 64)):
        seen = crop(image, middle, side, size)[..., 0] > 110
        rows, columns = (np.flatnonzero(seen.any(axis)) for axis in (1, 0))
        found = [columns[0], rows[0], columns[-1] - columns[0] + 1, rows[-1] - rows[0] + 1]
        expected = to_crop(np.array([12, 6, 6, 4]), middle, side, size)
        np.testing.assert_allclose(found, expected)
        np.testing.assert_allclose(from_crop(expected, middle, side, size), [12, 6, 6, 4])


def test_what_lies_outside_is_the_mean(image):
    mean = round(240 * 24 / 600)
    seen = crop(image, (-0.5, -0.5), 10, 10)[..., 0]
    assert (seen[:5] == mean).all() and (seen[:, :5] == mean).all() and (seen[5:, 5:] == 0).all()
    assert (crop(image, (-100, 400), 10, 4) == mean).all()


def test_sides_show_the_surroundings():
    assert side_of(10, 10) == 20 and side_of(10, 30) == pytest.approx(np.sqrt(30 * 50))
    for wrong in ((0, 5), (np.nan, 5)):
        with pytest.raises(ValueError, match="expected a square with an area"):
            crop(np.zeros((4, 4, 3), np.uint8), (1, 1), wrong[0], 8)


def test_a_square_far_larger_than_the_picture_is_refused_before_it_is_made(image):
    assert crop(image, (9, 14), 16 * 30, 8).shape == (8, 8, 3)
    with pytest.raises(ValueError, match="at most 480 pixels of a picture of 30 x 20, got side 120000: is the box of"):
        crop(image, (9, 14), 120_000, 8)
