# SPDX-License-Identifier: Apache-2.0
"""Where points land: on the regular grid, one pixel away, at the place that the operators' definition says."""

from __future__ import annotations

from dataclasses import replace

import mxnet as mx
import numpy as np
import pytest
from looks_made import geometry, layer, look

from lib.looking.places import centred_grid, compose, points_of_cell, trace
from lib.looking.seen import convolutions, seen_layers, wanted_outputs
from lib.pictures.field import field, outward
from lib.pictures.sampling import sampling
from operators.for_mxnet import sym
from operators.for_numpy import Operator


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


GRID = {"kernel": (3, 3), "dilate": (2, 2), "pad": (2, 2), "no_bias": True}
MAP = (9, 11)


def where_it_reads(operator, groups, cell, *inputs, **attributes):
    """What an operator reads for a cell, set by set and tap by tap: (y, x) and the factor.

    Its data is a ramp of y, a ramp of x and ones, which bilinear interpolation gives back exactly; its filters take one
    tap of one of these each.
    """
    y, x = np.indices(MAP, dtype=np.float64)
    data = np.tile(np.stack([y, x, np.ones(MAP)]), (groups, 1, 1))[None]
    weight = np.eye(3 * groups * 9).reshape(-1, 3 * groups, 3, 3)
    out = Operator(operator, num_filter=len(weight), num_deformable_group=groups, **GRID, **attributes).forward(
        data, *inputs, weight
    )
    read = out[0, :, cell[0], cell[1]].reshape(groups, 3, 9)
    factor = read[:, 2]
    return (np.moveaxis(read[:, :2], 1, -1) / factor[..., None]).reshape(-1, 2), factor.reshape(-1)


def test_points_are_where_the_operators_read():
    random, cell = np.random.default_rng(1), (4, 5)
    offset = random.uniform(-1, 1, (2, 9, 2, *MAP)).astype(np.float32)
    mask = random.uniform(0.25, 1, (2, 9, *MAP)).astype(np.float32)
    maps = offset.reshape(1, 36, *MAP).astype(np.float64), mask.reshape(1, 18, *MAP).astype(np.float64)
    for kind, operator, inputs in (
        ("modulated", "ModulatedDeformableConvolution", maps),
        ("deformable", "DeformableConvolution", maps[:1]),
    ):
        places, factor = where_it_reads(operator, 2, cell, *inputs)
        made = layer(kind, offset, mask if kind == "modulated" else None, sets=2, size=MAP)
        points = points_of_cell(made, cell)
        assert np.allclose(points.places, 2 + 16 * places, atol=1e-4) and np.allclose(points.factor, factor)
    still = random.uniform(-1, 1, (9, 2)).astype(np.float32)
    places, _ = where_it_reads("ActiveConvolution", 1, cell, still.reshape(1, 1, 3, 3, 2).astype(np.float64))
    points = points_of_cell(layer("active", still[..., None, None], size=MAP), cell)
    assert np.allclose(points.places, 2 + 16 * places, atol=1e-4)


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
    x = sym.ActiveConvolution(x, kernel=(3, 3), stride=(2, 2), num_filter=1, name="e")  # unpadded: 16i + 10
    x = sym.ActiveConvolution(x, kernel=(3, 3), pad=(1, 1), num_filter=1, name="f")
    inside, size = x.get_internals(), {"data": (1, 3, 160, 160)}
    shapes = dict(zip(inside.list_outputs(), inside.infer_shape(**size)[1]))
    offsets = {name: np.zeros((1, 1, 3, 3, 2)) for name in wanted_outputs(convolutions(x.tojson()))}
    e, f = (one.geometry for one in seen_layers(x.tojson(), offsets, shapes))
    assert (e.scale, e.origin) == ((8.0, 8.0), (2.0, 2.0)) and (f.scale, f.origin) == ((16.0, 16.0), (10.0, 10.0))
    assert f.size == f.input_size == e.size != e.input_size
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
