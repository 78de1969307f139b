# SPDX-License-Identifier: Apache-2.0
"""The report's own network as MXNet saved it in 2017: other keys for attributes, other names, offsets of one axis."""

from __future__ import annotations

import gzip
import logging
from pathlib import Path

import numpy as np
import pytest

from deeplab.rules import rules_of
from deeplab.schema import Config
from lib.looking.graph import Graph
from lib.looking.layers import looking_layers, named_by_layer, offset_parameters, set_offsets_zero, steering
from lib.looking.monitor import OffsetMonitor
from lib.looking.seen import seen_layers, wanted_outputs
from lib.looking.watchers import BoundOffsets, HoldOffsets, WatchOffsets
from lib.run.task import Network

FILE = next((folder / "shared/data/report_logs/acn-symbol.json.gz" for folder in Path(__file__).parents
             if (folder / "shared/data/report_logs/acn-symbol.json.gz").is_file()), None)  # fmt: skip
NAMES = ["res5a_branch2b_offset", "res5b_branch2b_offset", "res5c_branch2b_offset"]
LAYERS = [name.removesuffix("_offset") for name in NAMES]


@pytest.fixture(scope="module")
def text():
    if FILE is None:
        pytest.skip("the report's network acn-symbol.json.gz is not there")
    return gzip.decompress(FILE.read_bytes()).decode()


class Engine:
    """No framework serves this operator under its old name; an engine of arrays takes its place."""

    def __init__(self, text):
        graph = Graph(text)
        self.network = Network(text, {"data": (1, 3, 1024, 2048)}, rules_of(Config(), text))
        random = np.random.default_rng(0)
        self.values = {name: random.normal(0, 3, 18).astype(np.float32) for name in NAMES}
        self.values["fc6_weight"] = np.full((4, 4), 9.0, np.float32)
        self.held, self.slowed = {}, []
        self._maps = {graph.output((node.number, 0)): (1, 1, 64, 128) for node in graph.nodes}

    def shapes(self, inputs):
        return self._maps

    def parameters(self, names=None):
        return {name: self.values[name].copy() for name in (self.values if names is None else names)}, {}

    def compute(self, inputs, outputs):
        raise AssertionError("offsets that are parameters need no picture")

    def hold(self, names, held):
        self.held.update(dict.fromkeys(names, held))

    def clip(self, names, bound):
        for name in names:
            self.values[name] = np.clip(self.values[name], -bound, bound)


def test_layers_of_the_file(text):
    layers = looking_layers(text)
    assert [layer.name for layer in layers] == LAYERS and offset_parameters(layers) == NAMES
    for layer, name in zip(layers, NAMES):
        assert (layer.kind, layer.kernel, layer.dilate, layer.pad, layer.stride, layer.sets) == (
            "active", (3, 3), (2, 2), (2, 2), (1, 1), 1
        )  # fmt: skip
        assert layer.parameters == {name: slice(None)} and layer.offset == name


def test_rules_are_those_of_active_layers(text):
    found = rules_of(Config(), text)
    assert {name for name in found if found[name].init == "zeros" and "offset" in name} == set(NAMES)
    assert all((found[name].lr_mult, found[name].wd_mult) == (1.0, 0.0) for name in NAMES)
    assert found["fc6_bias"].lr_mult == 2.0 and set(steering(looking_layers(text))) == set(NAMES)


def test_monitor_and_watchers_measure_pairs_of_dy_and_dx(text):
    engine = Engine(text)
    lengths = {layer: np.hypot(engine.values[name][::2], engine.values[name][1::2])
               for layer, name in zip(LAYERS, NAMES)}  # fmt: skip
    monitor = OffsetMonitor(engine, dict)
    assert monitor.longest() == {layer: pytest.approx(each.max()) for layer, each in lengths.items()}
    for layer, seen in monitor.observe().items():
        assert (seen.mean, seen.max) == (pytest.approx(lengths[layer].mean()), pytest.approx(lengths[layer].max()))
        assert seen.taps == 9 and seen.dead == 0
    watch = WatchOffsets(engine, "stop", 0.5, dict, logging.getLogger("test"))
    assert all(f"{layer} looks" in watch.after_update() for layer in LAYERS)
    line = watch.after_epoch(0).line["offsets"]
    assert {name: each["max"] for name, each in line.items()} == {
        name: pytest.approx(lengths[layer].max()) for layer, name in zip(LAYERS, NAMES)
    }


def test_held_bounded_and_set_to_zero(text):
    engine = Engine(text)
    HoldOffsets(engine, 1).before_epoch(0)
    assert engine.held == dict.fromkeys(NAMES, True)
    BoundOffsets(engine, 0.5).after_update()
    assert max(np.abs(engine.values[name]).max() for name in NAMES) == 0.5 and (engine.values["fc6_weight"] == 9).all()
    arg = dict(engine.values)
    assert set_offsets_zero(arg, looking_layers(text)) == NAMES
    assert not any(arg[name].any() for name in NAMES) and (arg["fc6_weight"] == 9).all()


def test_pictures_get_the_taps_row_by_row(text):
    engine = Engine(text)
    layers = looking_layers(text)
    named = named_by_layer(layers, engine.parameters(NAMES)[0])
    shapes = {**engine.shapes({}), **{f"{layer}_output": (1, 512, 64, 128) for layer in LAYERS}}
    seen = seen_layers(text, {name: engine.values[name] for name in wanted_outputs(layers)}, shapes)
    for one, name in zip(seen, NAMES):
        assert named[one.name].shape == (1, 1, 3, 3, 2)
        assert named[one.name][0, 0, 1, 2].tolist() == engine.values[name][10:12].tolist()  # tap (1, 2): (dy, dx)
        np.testing.assert_array_equal(one.offset[0, :, :, 0, 0], engine.values[name].reshape(9, 2))
        assert one.geometry.scale == (16.0, 16.0) and one.geometry.size == (64, 128)
