# SPDX-License-Identifier: Apache-2.0
"""Where the samples of a layer lie, which of them read nothing, and what the monitor tells of that."""

from __future__ import annotations

import numpy as np
import pytest
from trainings import config, engine_of, noise

from deeplab import symbols
from lib.looking.geometry import output_size, outside, positions
from lib.looking.layers import looking_layers
from lib.looking.monitor import OffsetMonitor, observe_layer

SIZE = (9, 13)  # of res5's map, of a picture of 64 x 96


def layer_of(name="quick_acn", *overrides):
    (layer,) = looking_layers(symbols.get_symbol(config(name, *overrides)).tojson())
    return layer


@pytest.mark.parametrize(
    ("name", "boundary", "dilate"), [("quick_acn", "zero", 1), ("quick_dcn", "inside", 1), ("quick_acn", "border", 2)]
)
def test_layers_are_read_from_the_graph(name, boundary, dilate):
    overrides = ["net.boundary=border"] if boundary == "border" else []
    layer = layer_of(name, f"net.res5_dilate={dilate}", *overrides)
    assert layer.name == "res5a_branch2b" and layer.boundary == boundary
    assert (layer.kernel, layer.dilate, layer.pad, layer.stride) == ((3, 3), (dilate,) * 2, (dilate,) * 2, (1, 1))
    assert output_size(layer, SIZE) == SIZE
    assert layer.offset_parameter == ("res5a_branch2b_offset" if name == "quick_acn" else "")
    assert looking_layers(symbols.get_symbol(config("quick_plain")).tojson()) == []


def test_the_size_of_the_map_is_that_of_the_picture(tmp_path):
    for name in ("quick_acn", "quick_dcn"):
        engine = engine_of(config(name))
        monitor = OffsetMonitor(engine, lambda: {"data": np.ones((1, 3, 32, 48), np.float32)})
        assert monitor.sizes == {"res5a_branch2b": engine.shapes(engine.network.inputs)["res5a_branch2b_output"][2:]}
        assert monitor.sizes["res5a_branch2b"][0] < monitor.sizes["res5a_branch2b"][1] < 96


def test_positions_by_hand():
    layer, offset = layer_of(), np.zeros((1, 1, 3, 3, 2))
    offset[0, 0, 0, 2] = 0.5, -4
    y, x = positions(layer, offset, SIZE)
    height, width = SIZE
    assert y.shape == (1, 1, 9, height, 1) and x.shape == (1, 1, 9, 1, width)
    assert y[0, 0, 2, 3, 0] == 3 - 1 + 0.5 and x[0, 0, 2, 0, 5] == 5 + 1 - 4
    assert y[0, 0, 8, 0, 0] == 1 and x[0, 0, 0, 0, 0] == -1
    maps = np.zeros((2, 18, *SIZE))
    maps[1, 2 * 2, 3, 5], maps[1, 2 * 2 + 1, 3, 5] = 0.5, -4  # tap 2: the same displacement, at one position
    y, x = positions(layer_of("quick_dcn"), maps, SIZE)
    assert (y[1, 0, 2, 3, 5], x[1, 0, 2, 3, 5]) == (2.5, 2) and (y[0, 0, 2, 3, 5], x[0, 0, 2, 3, 5]) == (2, 6)


@pytest.mark.parametrize(
    ("boundary", "reads"),
    [("zero", [False, True, True, True, True, False]), ("inside", [False, False, True, True, True, False]),
     ("border", [False, False, True, True, False, False])],
)  # fmt: skip
def test_outside_follows_the_boundary_rule(boundary, reads):
    last = SIZE[0] - 1
    y = np.array([-1, -0.5, 0, last, last + 0.5, last + 1])
    assert (~outside(boundary, SIZE, y, np.zeros(6))).tolist() == reads
    last = SIZE[1] - 1
    x = np.array([-1, -0.5, 0, last, last + 0.5, last + 1])
    assert (~outside(boundary, SIZE, np.zeros(6), x)).tolist() == reads
    assert outside(boundary, SIZE, np.array(np.nan), np.array(0.0))


def test_dead_taps_are_those_that_see_nothing_anywhere():
    layer, offset = layer_of(), np.zeros((1, 1, 3, 3, 2))
    height, width = SIZE
    offset[0, 0, 0, 0] = height + 1, 0  # looks below the map from every position: its own y is -1 .. height - 2
    offset[0, 0, 1, 1] = 0, -(width - 1)  # still sees the first column from the last one
    seen = observe_layer(layer, offset, SIZE)
    assert (seen.dead, seen.taps) == (1, 9) and seen.max == width - 1
    assert seen.mean == pytest.approx((height + 1 + width - 1) / 9)
    cells = height * width
    regular = 2 * 3 * (height + width) - 4  # of the eight outer taps: a row or a column each, the corner ones both
    assert seen.outside_regular == pytest.approx((3 * 2 * (width + height) - 4) / (9 * cells))
    assert regular == 3 * 2 * (width + height) - 4
    corner = height + width - 1
    assert seen.outside * 9 * cells == pytest.approx(regular - corner + cells + (width - 1) * height)
    assert observe_layer(layer, np.full_like(offset, np.nan), SIZE).max is None


@pytest.mark.parametrize("name", ["quick_acn", "quick_dcn", "quick_modulated"])
def test_all_offsets_start_at_zero(name):
    engine = engine_of(config(name))
    seen = OffsetMonitor(engine, lambda: noise(engine)).observe()
    assert list(seen) == ["res5a_branch2b"]
    for observation in seen.values():
        assert (observation.mean, observation.max, observation.dead) == (0, 0, 0)
        assert observation.outside == observation.outside_regular


@pytest.mark.parametrize("name", ["quick_dcn", "quick_modulated"])
def test_bound_of_computed_offsets_is_a_tanh_in_the_graph(name):
    maps = {}
    for bound in (0, 1.5):
        engine = engine_of(config(name, f"net.offset_bound={bound}"))
        (layer,) = looking_layers(engine.network.graph)
        bias = engine.parameters(["res5a_branch2b_offset_bias"])[0]["res5a_branch2b_offset_bias"]
        values = np.random.default_rng(2).normal(0, 3, bias.shape).astype(np.float32)
        engine.load({"res5a_branch2b_offset_bias": values}, {})
        maps[bound] = engine.compute(noise(engine, 1), [layer.offset])[layer.offset]
        np.testing.assert_allclose(maps[0][:, :, 0, 0], np.tile(values[:18], (2, 1)), rtol=1e-6)
        seen = OffsetMonitor(engine, lambda engine=engine: noise(engine, 1)).observe()["res5a_branch2b"]
        assert seen.max == pytest.approx(np.hypot(maps[bound][:, ::2], maps[bound][:, 1::2]).max(), rel=1e-6)
    np.testing.assert_allclose(maps[1.5], 1.5 * np.tanh(maps[0] / 1.5), rtol=1e-5)
    assert np.abs(maps[0]).max() > 1.5 > np.abs(maps[1.5]).max()


def test_displacements_are_lengths_in_pixels():
    engine = engine_of(config("quick_acn"))
    offset = np.zeros((1, 1, 3, 3, 2), np.float32)
    offset[0, 0, 1, 2] = 3, -4
    engine.load({"res5a_branch2b_offset": offset}, {})
    monitor = OffsetMonitor(engine, lambda: pytest.fail("no picture is needed for offsets that are parameters"))
    assert monitor.longest() == {"res5a_branch2b": 5.0}
    seen = monitor.observe()["res5a_branch2b"]
    assert (seen.mean, seen.max) == (pytest.approx(5 / 9), 5.0)


def test_a_network_without_such_layers_is_not_asked_for_anything():
    engine = engine_of(config("quick_plain"))
    engine.shapes = engine.compute = engine.parameters = lambda *_: pytest.fail("nothing to look at")
    monitor = OffsetMonitor(engine, lambda: pytest.fail("no picture is needed"))
    assert monitor.observe() == {} and monitor.longest() == {} and monitor.sizes == {}
