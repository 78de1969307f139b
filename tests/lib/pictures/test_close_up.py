# SPDX-License-Identifier: Apache-2.0
"""On a full-size picture the points of one pixel are drawn once more, larger; titles name the picture's own pixels, and
the legend has the pictures' colours."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

from lib.looking.look import Layer, Look
from lib.looking.places import Geometry
from lib.pictures import panels
from lib.pictures.sampling import close_up, draw_overview, draw_sampling


def look(height: int, width: int, zoom: float = 1.0) -> Look:
    size = (height // 16, width // 16)
    geometry = Geometry((3, 3), (1, 1), (1, 1), (1, 1), (16.0, 16.0), (2.0, 2.0), size, size)
    layer = Layer("res5a", "deformable", geometry, np.zeros((1, 9, 2, *size), np.float32))
    ids, palette = np.zeros((height, width), np.uint8), np.zeros((256, 3), np.uint8)
    return Look("run", 1, "p", np.zeros((height, width, 3), np.uint8), ids, None, zoom, [layer], ("road",), palette)


@pytest.mark.parametrize("pixel", [(512, 1024), (3, 3), (1023, 2047), (3, 2047)])
def test_full_size_frames_have_a_close_up_with_every_point_in_it(pixel):
    seen = look(1024, 2048)
    figure = Figure()
    axis = figure.subplots()
    draw_sampling(axis, seen.image, seen.layers[0], pixel)
    (inset,) = axis.child_axes
    bottom, top = inset.get_ylim()
    left, right = inset.get_xlim()
    assert right - left == pytest.approx(bottom - top) and right - left < 0.1 * 2048
    cell = np.floor_divide(pixel, 16)
    for place in seen.layers[0].geometry.to_image(seen.layers[0].geometry.regular(cell)):
        if (place >= 0).all() and (place < (1024, 2048)).all():
            assert top <= place[0] <= bottom and left <= place[1] <= right
    box = inset.get_position()
    panel = axis.get_position()
    on_the_left = (box.x0 + box.x1) / 2 < (panel.x0 + panel.x1) / 2
    assert on_the_left == (pixel[1] > 1024)  # where the pixel is not


def test_small_pictures_have_none():
    seen, figure = look(128, 192), Figure()
    axis = figure.subplots()
    draw_sampling(axis, seen.image, seen.layers[0], (64, 96))
    assert not axis.child_axes


def test_places_outside_or_unknown_do_not_count():
    places = np.array([[500.0, 500.0], [np.nan, 3.0], [520.0, 530.0], [-1e9, 1e9]])
    assert close_up(places, (510, 510), (1024, 2048)) is None  # one reads far away: the whole picture shows it
    window = close_up(places[:3], (510, 510), (1024, 2048))
    assert window[0] < 500 and window[1] > 520 and window[2] < 500 and window[3] > 530


@pytest.mark.parametrize("zoom", [0.25, 0.5, 1.0, 2.0])
def test_the_title_names_the_pixel_of_the_file(zoom):
    seen = look(int(400 * zoom) // 16 * 16, int(800 * zoom) // 16 * 16, zoom)
    for place in ((0, 0), (101, 333), (300, 700)):
        pixel = seen.seen_pixel(place)
        assert all(0 <= each < side for each, side in zip(pixel, seen.image.shape))
        back = seen.file_pixel(pixel)
        assert np.abs(np.subtract(back, place)).max() <= max(1, 1 / zoom)
        figure = Figure()
        draw_overview(figure, seen, seen.layers, pixel, place)
        assert figure.get_suptitle() == f"run, epoch 1: what decides pixel y {place[0]}, x {place[1]}"
        figure = Figure()
        draw_overview(figure, seen, seen.layers, pixel)
        assert figure.get_suptitle().endswith(f"pixel y {back[0]}, x {back[1]}")


def test_the_legend_has_the_colour_of_what_does_not_count():
    """Black in Cityscapes, light in PASCAL VOC."""
    palette = np.zeros((256, 3), np.uint8)
    palette[1], palette[255] = (0, 128, 0), (224, 224, 192)
    figure = Figure()
    panels.class_legend(figure, [1], ("background", "bicycle"), palette)
    ((first, last),) = [legend.get_patches() for legend in figure.legends]
    assert first.get_facecolor()[:3] == pytest.approx((0, 128 / 255, 0))
    assert last.get_facecolor()[:3] == pytest.approx(np.array([224, 224, 192]) / 255)
