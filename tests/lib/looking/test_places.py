# SPDX-License-Identifier: Apache-2.0
"""Where points land: on the regular grid, one pixel away, at the place that the operators' definition says."""

from __future__ import annotations

import json
from dataclasses import replace

import mxnet as mx
import numpy as np
import pytest
from lib.looking.looker import _places
from made import geometry, layer, look

from lib.looking.places import centred_grid, compose, points_of_cell, trace
from lib.pictures.field import field, outward
from lib.pictures.sampling import sampling
from operators.active_conv.reference import ActiveAttributes, _points
from operators.deform_conv.reference import ModulatedAttributes
from operators.deform_conv.reference import _points as deformed_points


@pytest.mark.parametrize("stride", [8, 16])
@pytest.mark.parametrize("kind", ["active", "deformable", "modulated"])
def test_zero_offsets_land_exactly_on_the_regular_dilated_grid(kind, stride):
    one = layer(kind, mask=1.0 if kind == "modulated" else None, stride=stride)
    points = points_of_cell(one, (3, 4))
    steps = 2 * stride * np.array([[y, x] for y in (-1, 0, 1) for x in (-1, 0, 1)])
    assert np.array_equal(points.places, [2 + 3 * stride, 2 + 4 * stride] + steps)
    assert np.array_equal(points.factor, np.ones(9))
    drawn = sampling(one, (3 * stride + 5, 4 * stride))
    assert np.array_equal(drawn.regular, drawn.points.places)


@pytest.mark.parametrize("stride", [8, 16])
@pytest.mark.parametrize("way, step", [(0, (1, 0)), (1, (0, 1))])
def test_offset_of_one_pixel_is_one_pixel_of_the_layer_away_in_its_direction(way, step, stride):
    """Channel 0 is y and goes down, channel 1 is x and goes right."""
    offset = np.zeros((9, 2, 1, 1))
    offset[5, way] = 1
    for kind in ("active", "deformable"):
        moved = points_of_cell(layer(kind, offset, stride=stride), (2, 2)).places
        still = points_of_cell(layer(kind, stride=stride), (2, 2)).places
        expected = np.zeros((9, 2))
        expected[5] = np.multiply(step, stride)
        assert np.array_equal(moved - still, expected)
        arrows = field(layer(kind, offset, stride=stride), 5)
        assert np.array_equal(arrows.vectors, np.broadcast_to(expected[5], (6, 8, 2)))
        assert np.array_equal(arrows.places[2, 2], still[5]) and (arrows.length == 1).all()
        assert np.array_equal(arrows.cells[2, 2], [2 + 2 * stride, 2 + 2 * stride])


def test_points_are_those_of_the_operators_definition():
    random = np.random.default_rng(1)
    data = np.zeros((1, 2, 6, 8))
    grid = {"kernel": (3, 3), "num_filter": 1, "dilate": (2, 2), "pad": (2, 2)}
    offset, mask = random.normal(size=(2, 9, 2, 6, 8)), random.random((2, 9, 6, 8))
    attributes = ModulatedAttributes(**grid, num_deformable_group=2)
    truth = deformed_points(attributes, data, offset.reshape(1, 36, 6, 8), mask.reshape(1, 18, 6, 8))
    points = points_of_cell(layer("modulated", offset, mask, sets=2), (4, 5))
    position = 4 * 8 + 5
    expected = np.stack([truth.y[0, 0, :, :, position], truth.x[0, 0, :, :, position]], -1).reshape(-1, 2)
    assert np.allclose(points.places, 2 + 16 * expected, atol=1e-5)
    assert np.allclose(points.factor, truth.mask[0, 0, :, :, position].ravel())
    still = random.normal(size=(9, 2))
    truth = _points(ActiveAttributes(**grid), data, still.reshape(1, 1, 3, 3, 2))
    points = points_of_cell(layer("active", still[..., None, None]), (4, 5))
    expected = np.stack([truth.y[0, 0, 0, :, position], truth.x[0, 0, 0, :, position]], -1)
    assert np.allclose(points.places, 2 + 16 * expected, atol=1e-5)


def test_three_layers_of_zero_offsets_read_9_81_729_points_of_the_grid():
    layers = [layer(size=(40, 40), name=name, stride=8) for name in "abc"]
    levels = trace(layers, (20 * 8, 20 * 8))
    assert [len(each.places) for each in levels] == [9, 81, 729]
    single, middle = levels[0].places, np.array([162, 162])
    pairs = (single[:, None] + (single - middle)[None]).reshape(-1, 2)
    assert np.array_equal(levels[1].places, pairs)
    assert np.array_equal(levels[2].places, (pairs[:, None] + (single - middle)[None]).reshape(-1, 2))
    assert np.array_equal(levels[2].parent, np.repeat(np.arange(81), 9))


def test_walk_through_layers_goes_on_from_the_nearest_cell_and_ends_outside_the_map():
    last, before = np.zeros((9, 2, 6, 8)), np.zeros((9, 2, 6, 8))
    last[0, :, 3, 4] = 1.4, -0.4  # tap 0 of cell (3, 4) reads (1, 2) + (1.4, -0.4): nearest cell (2, 2)
    last[8, :, 3, 4] = 4, 0  # (5, 6) + (4, 0): outside
    before[4, :, 2, 2] = 0.5, 0
    mask = np.full((9, 6, 8), 0.5)
    first, second = trace([layer("modulated", before, mask), layer("modulated", last, mask)], (3 * 16, 4 * 16))
    assert np.allclose(second.places[4], [2 + 16 * 2.5, 2 + 16 * 2])
    assert np.isnan(second.places[72:]).all() and np.isfinite(second.places[:72]).all()
    assert np.allclose(second.factor[:72], 0.25) and (second.factor[72:] == 0).all() and (first.factor == 0.5).all()


def test_pixel_belongs_to_the_cell_whose_square_it_lies_in():
    g = geometry(stride=16, size=(6, 8))
    assert g.cell_of_pixel((0, 15)) == (0, 0) and g.cell_of_pixel((16, 47)) == (1, 2)
    assert g.cell_of_pixel((1000, -3)) == (5, 0)
    assert g.cell_of_place(np.array([[2, 18], [2 + 7.9, 2 - 8.1]])).tolist() == [[0, 1], [0, -1]]
    assert g.cell_of_place(np.array([np.nan, 1e300])).tolist() == [-(10**6), 10**6]


def test_outward_is_the_part_of_an_offset_along_the_ray_from_the_middle():
    offset = centred_grid((3, 3), (2, 2)).reshape(9, 2)[:, :, None, None] * 0.5  # a dilation of 3 instead of 2
    away = outward(offset, (3, 3), (2, 2))[:, 0, 0]
    assert np.allclose(away[[1, 3, 5, 7]], 1) and np.allclose(away[[0, 2, 6, 8]], np.sqrt(2)) and np.isnan(away[4])


def test_scale_and_origin_follow_the_windows_of_the_network():
    """Those of the ResNet stem and one more halving, worked out by hand: conv1 2i, pool 4i + 2, then 8i + 2."""
    x = mx.sym.Convolution(mx.sym.var("data"), kernel=(7, 7), stride=(2, 2), pad=(3, 3), num_filter=1, name="c")
    x = mx.sym.Pooling(x, kernel=(3, 3), stride=(2, 2), pool_type="max", pooling_convention="full")
    x = mx.sym.Convolution(x, kernel=(3, 3), stride=(2, 2), pad=(1, 1), num_filter=1, name="d")
    nodes = json.loads(x.tojson())["nodes"]
    assert _places(nodes)[-1] == ((8.0, 8.0), (2.0, 2.0))
    assert compose(((1.0, 1.0), (0.0, 0.0)), (2, 3), (2, 1), (1, 2), (0, 1)) == ((2.0, 1.0), (0.5, 1.0))


def test_pixel_shown_first_is_where_the_taps_move_furthest_inside_the_picture():
    offset = np.zeros((9, 2, 6, 8))
    offset[:, 0, 3, 4] = 0.5
    offset[:, 0, 2, 3] = -50  # further, but out of the picture
    assert look(layer("deformable", offset)).pixel_moved_most() == (56, 72)
    assert look(layer("active")).pixel_moved_most() == (48, 64)
    other = np.zeros((9, 2, 6, 8))
    other[:, 0, 1, 6] = 0.5
    both = look(layer("deformable", offset), replace(layer("deformable", other), name="last"))
    assert both.pixel_moved_most("last") == both.pixel_moved_most() != both.pixel_moved_most(both.layers[0].name)
    assert both.pixel_moved_most(both.layers[0].name) == (56, 72)
