# SPDX-License-Identifier: Apache-2.0
"""What keeps offsets from running away, and what watches them."""

from __future__ import annotations

import json
import logging
from dataclasses import asdict
from pathlib import Path

import mxnet as mx
import numpy as np
import pytest
from mxnet import autograd, gluon

from deeplab import symbols
from deeplab.data import load_dataset
from lib.config import ConfigError, load
from lib.data.streets.write import Settings, generate
from lib.engines.mxnet.network import Network
from lib.looking import stability
from lib.looking.layers import offset_layers, outside, positions
from lib.looking.monitor import OffsetMonitor, observe_layer
from lib.run import checkpoint, folder, rollback
from lib.run.log import read_metrics

CONFIGS = Path(__file__).parents[2] / "experiments" / "deeplab" / "cfgs"
LOG = logging.getLogger("test")
SMALL = ["SCALES=[64,96]", "net.depth=10", "net.width=4", "net.head_channels=8", "TRAIN.BATCH_IMAGES=2",
         "TRAIN.end_epoch=2", "TRAIN.FLIP=false", "TRAIN.warmup=false"]  # fmt: skip
SHAPE = (2, 3, 64, 96)  # the maps of res5 are 9 x 13


def config(name, *overrides):
    return load(CONFIGS / f"{name}.yaml", [*SMALL, *overrides])


def network_of(cfg):
    return Network(cfg, symbols.get_symbol(cfg), SHAPE)


def one_update(cfg):
    """{name: change} of every parameter in the first update of SGD with momentum and decay, on fixed noise."""
    network = network_of(cfg)
    settings = {"learning_rate": 0.25, "momentum": 0.9, "wd": 5e-4}
    optimiser = gluon.Trainer(network.params, "sgd", settings, update_on_kvstore=False)
    random = np.random.default_rng(0)
    data, label = mx.nd.array(50 * random.normal(size=SHAPE)), mx.nd.array(random.integers(0, 19, (2, 64, 96)))
    before, _ = network.to_numpy()
    with autograd.record():
        output = network.block(data, label)
    output.backward()
    optimiser.step(1)
    return {name: value - before[name] for name, value in network.to_numpy()[0].items()}


@pytest.mark.parametrize("name", ["quick_acn", "quick_acn_naive", "quick_dcn", "quick_modulated"])
def test_lr_mult_scales_the_update_itself(name):
    whole, tenth, eighth = (one_update(config(name, f"net.offset_lr_mult={mult}")) for mult in (1, 0.1, 0.125))
    scaled = [key for key in whole if key.endswith(("_offset", "_offset_weight", "_offset_bias"))]
    assert scaled and all(np.abs(whole[key]).max() > 1e-6 for key in scaled)
    for key, change in whole.items():
        if key in scaled:
            np.testing.assert_allclose(tenth[key], change / 10, rtol=1e-6, atol=0, err_msg=key)
            np.testing.assert_array_equal(eighth[key], change / 8, err_msg=key)  # a power of two: exact
        else:
            np.testing.assert_array_equal(tenth[key], change, err_msg=key)


def test_slowing_after_a_rollback_scales_rate_and_momentum_of_the_offsets():
    network = network_of(config("quick_dcn"))
    optimiser = gluon.Trainer(network.params, "sgd", {"learning_rate": 1, "momentum": 0.5}, update_on_kvstore=False)
    before = {name: parameter.lr_mult for name, parameter in network.params.items()}
    data, label = mx.nd.ones(SHAPE), mx.nd.zeros((2, 64, 96))

    def momenta():
        states = optimiser._updaters[0].states
        return {optimiser._params[index].name: value.asnumpy() for index, value in states.items()}

    with autograd.record():
        output = network.block(data, label)
    output.backward()
    optimiser.step(1)
    pushed = momenta()
    stability.slow_down(network, optimiser, 0.5, times=3, times_before=1)
    for name, parameter in network.params.items():
        assert parameter.lr_mult == before[name] * (0.125 if "_offset" in name else 1), name
    for name, momentum in momenta().items():
        np.testing.assert_array_equal(momentum, pushed[name] * (0.25 if "_offset" in name else 1), err_msg=name)
    assert pushed["res5a_branch2b_offset_bias"].any()


@pytest.mark.parametrize("name", ["quick_acn", "quick_dcn", "quick_modulated"])
def test_all_offsets_start_at_zero(name):
    network = network_of(config(name))
    monitor = OffsetMonitor(network, SHAPE, lambda: np.ones(SHAPE, np.float32), mx.cpu())
    for observation in monitor.observe().values():
        assert (observation.mean, observation.max, observation.dead) == (0, 0, 0)
        assert observation.outside == observation.outside_regular


def test_bound_of_parameters_cuts_each_axis_and_keeps_nan():
    network = network_of(config("quick_acn"))
    (name,) = network.offsets()
    value = np.zeros((1, 1, 3, 3, 2), np.float32)
    value[0, 0, 0, 0], value[0, 0, 1, 1], value[0, 0, 2, 2] = (3, -0.5), (-7, 2), (np.nan, np.inf)
    network.params[name].set_data(mx.nd.array(value))
    stability.bound_offsets(network, 2)
    expected = value.copy()
    expected[0, 0, 0, 0], expected[0, 0, 1, 1], expected[0, 0, 2, 2] = (2, -0.5), (-2, 2), (np.nan, 2)
    np.testing.assert_array_equal(network.offsets()[name], expected)


@pytest.mark.parametrize("name", ["quick_dcn", "quick_modulated"])
def test_bound_of_computed_offsets_is_a_tanh_in_the_graph(name):
    data = np.random.default_rng(1).normal(size=SHAPE).astype(np.float32)
    maps = {}
    for bound in (0, 1.5):
        network = network_of(config(name, f"net.offset_bound={bound}"))
        (bias,) = (parameter for key, parameter in network.params.items() if key.endswith("_offset_bias"))
        values = np.random.default_rng(2).normal(0, 3, bias.shape)
        bias.set_data(mx.nd.array(values))
        (layer,) = offset_layers(network.symbol, SHAPE)
        block = gluon.SymbolBlock(layer.offset, [mx.sym.var("data")], params=network.block.params)
        maps[bound] = block(mx.nd.array(data)).asnumpy()
        np.testing.assert_allclose(maps[0][:, :, 0, 0], np.tile(values[:18], (2, 1)), rtol=1e-6)
    np.testing.assert_allclose(maps[1.5], 1.5 * np.tanh(maps[0] / 1.5), rtol=1e-5)
    assert np.abs(maps[0]).max() > 1.5 > np.abs(maps[1.5]).max()


@pytest.mark.parametrize(
    ("name", "boundary", "dilate"), [("quick_acn", "zero", 1), ("quick_dcn", "inside", 1), ("quick_acn", "border", 2)]
)
def test_layers_are_read_from_the_graph(name, boundary, dilate):
    overrides = ["net.boundary=border"] if boundary == "border" else []
    cfg = config(name, f"net.res5_dilate={dilate}", *overrides)
    (layer,) = offset_layers(symbols.get_symbol(cfg), SHAPE)
    assert layer.name == "res5a_branch2b" and layer.boundary == boundary
    assert (layer.kernel, layer.dilate, layer.pad, layer.stride) == ((3, 3), (dilate,) * 2, (dilate,) * 2, (1, 1))
    assert layer.size == layer.out and layer.size[0] < layer.size[1] < 96
    assert layer.parameter == ("res5a_branch2b_offset" if name == "quick_acn" else "")
    assert offset_layers(symbols.get_symbol(config("quick_plain")), SHAPE) == []


def layer_of(boundary="zero", name="quick_acn"):
    (layer,) = offset_layers(symbols.get_symbol(config(name, f"net.boundary={boundary}")), SHAPE)
    return layer


def test_positions_by_hand():
    layer, offset = layer_of(), np.zeros((1, 1, 3, 3, 2))
    offset[0, 0, 0, 2] = 0.5, -4
    y, x = positions(layer, offset)
    height, width = layer.size
    assert y.shape == (1, 1, 9, height, 1) and x.shape == (1, 1, 9, 1, width)
    assert y[0, 0, 2, 3, 0] == 3 - 1 + 0.5 and x[0, 0, 2, 0, 5] == 5 + 1 - 4
    assert y[0, 0, 8, 0, 0] == 1 and x[0, 0, 0, 0, 0] == -1
    maps = np.zeros((2, 18, *layer.size))
    maps[1, 2 * 2, 3, 5], maps[1, 2 * 2 + 1, 3, 5] = 0.5, -4  # tap 2: the same displacement, at one position
    y, x = positions(layer_of(name="quick_dcn"), maps)
    assert (y[1, 0, 2, 3, 5], x[1, 0, 2, 3, 5]) == (2.5, 2) and (y[0, 0, 2, 3, 5], x[0, 0, 2, 3, 5]) == (2, 6)


@pytest.mark.parametrize(
    ("boundary", "reads"),
    [("zero", [False, True, True, True, True, False]), ("inside", [False, False, True, True, True, False]),
     ("border", [False, False, True, True, False, False])],
)  # fmt: skip
def test_outside_follows_the_boundary_rule(boundary, reads):
    layer = layer_of(boundary)
    last = layer.size[0] - 1
    y = np.array([-1, -0.5, 0, last, last + 0.5, last + 1])
    assert (~outside(layer, y, np.zeros(6))).tolist() == reads
    assert outside(layer, np.array(np.nan), np.array(0.0))


def test_dead_taps_are_those_that_see_nothing_anywhere():
    layer, offset = layer_of(), np.zeros((1, 1, 3, 3, 2))
    height, width = layer.size
    offset[0, 0, 0, 0] = height + 1, 0  # looks below the map from every position: its own y is -1 .. height - 2
    offset[0, 0, 1, 1] = 0, -(width - 1)  # still sees the first column from the last one
    seen = observe_layer(layer, offset)
    assert (seen.dead, seen.taps) == (1, 9) and seen.max == width - 1
    assert seen.mean == pytest.approx((height + 1 + width - 1) / 9)
    cells = height * width
    regular = 2 * 3 * (height + width) - 4  # of the eight outer taps: a row or a column each, the corner ones both
    assert seen.outside_regular == pytest.approx((3 * 2 * (width + height) - 4) / (9 * cells))
    assert regular == 3 * 2 * (width + height) - 4
    corner = height + width - 1
    assert seen.outside * 9 * cells == pytest.approx(regular - corner + cells + (width - 1) * height)
    assert observe_layer(layer, np.full_like(offset, np.nan)).max is None


def run(cfg, begin=0, train=trainer.train):
    folder.prefix(cfg).parent.mkdir(parents=True, exist_ok=True)
    train(cfg, load_dataset(cfg, cfg.dataset.image_set), begin, {"config": {}}, LOG)
    return read_metrics(folder.prefix(cfg).parent / "metrics.jsonl")


@pytest.fixture(scope="module")
def streets(tmp_path_factory):
    place = tmp_path_factory.mktemp("data") / "streets"
    generate(place, Settings(train=4, val=1, height=64, width=96, seed=3))
    return place


def places(streets, out):
    return [f"dataset.dataset_path={streets}", f"output_path={out}"]


@pytest.mark.parametrize("name", ["quick_acn", "quick_dcn"])
def test_monitor_writes_each_epoch_and_changes_nothing(streets, tmp_path, name, monkeypatch, caplog):
    with caplog.at_level("INFO", "test"):
        watched = run(config(name, *places(streets, tmp_path / "a")))
    seen = [line for line in watched if line["event"] == "offsets"]
    assert [line["epoch"] for line in seen] == [0, 1]
    for line in seen:
        (observation,) = line["layers"].values()
        assert 0 < observation["mean"] <= observation["max"] and 0 < observation["outside_regular"] < 1
        assert observation["taps"] == 9 and line["rollbacks"] == 0
    assert caplog.text.count("% of samples outside (regular grid") == 2
    monkeypatch.setattr(OffsetMonitor, "observe", lambda self: {})
    blind = run(config(name, *places(streets, tmp_path / "b")))
    assert losses(blind) == losses(watched)


def losses(lines):
    return [line["loss"] for line in lines if line["event"] == "update"]


def test_bound_holds_in_training_and_the_monitor_sees_it(streets, tmp_path):
    free = ["net.offset_lr_rate=30", *places(streets, tmp_path / "free")]
    assert max(last_seen(run(config("quick_acn", *free)))) > 3
    for name, more in (("quick_acn", ["net.offset_lr_rate=30"]), ("quick_dcn", ["net.offset_lr_mult=1000"])):
        lines = run(config(name, *more, "net.offset_bound=1.5", *places(streets, tmp_path / name)))
        assert 1 < max(last_seen(lines)) <= 1.5 * np.sqrt(2)


def last_seen(lines):
    return [layer["max"] for line in lines if line["event"] == "offsets" for layer in line["layers"].values()]


WILD = "net.offset_lr_rate=30"  # each update moves every tap by 3 pixels


def test_explosion_is_told_and_the_run_goes_on(streets, tmp_path, caplog):
    with caplog.at_level("INFO", "test"):
        lines = run(config("quick_acn", WILD, "run.offset_limit=2", *places(streets, tmp_path)))
    assert len(losses(lines)) == 4
    assert caplog.text.count("warning: offsets exploded: res5a_branch2b looks") == 2 and "limit 2" in caplog.text


def test_limit_is_the_longer_side_of_the_map_unless_set(streets, tmp_path):
    cfg = config("quick_acn", "net.offset_lr_rate=300", "run.on_explosion=stop", *places(streets, tmp_path))
    longer = max(layer_of().size)
    with pytest.raises(trainer.Diverged, match=rf"looks .* px away, limit {longer} at update 1 \(epoch 0\)"):
        run(cfg)


def test_stop_ends_with_the_last_good_checkpoint(streets, tmp_path):
    cfg = config("quick_acn", WILD, "run.on_explosion=stop", "run.offset_limit=14", *places(streets, tmp_path))
    with pytest.raises(trainer.Diverged, match="(?s)offsets exploded: .*run.on_explosion=rollback"):
        run(cfg)
    assert checkpoint.complete_epochs(folder.prefix(cfg)) == [
        1
    ]  # 3 px in the first update, at most 5.7 more in the second
    assert max(last_seen(read_metrics(folder.prefix(cfg).parent / "metrics.jsonl"))) <= 14


def test_rollback_goes_on_slower_from_the_last_checkpoint_and_resumes_exactly(streets, tmp_path, caplog):
    settings = [
        WILD,
        "run.on_explosion=rollback",
        "run.offset_limit=14",
        "TRAIN.end_epoch=3",
        "run.rollback_factor=0.125",
    ]
    cfg = config("quick_acn", *settings, *places(streets, tmp_path / "whole"))
    with caplog.at_level("INFO", "test"):
        lines = run(cfg, train=rollback.train)
    assert "rollback 1 of 3: on from epoch 1, offsets learn at 0.125 of their rate" in caplog.text
    seen = [line["rollbacks"] for line in lines if line["event"] == "offsets"]
    assert seen == [0, 1, 1] and max(last_seen(lines)) <= 14 and len(losses(lines)) == 6
    assert checkpoint.read_state(folder.prefix(cfg), 3)["rollbacks"] == 1
    for stopped_after in (1, 2):
        part = config("quick_acn", *settings, *places(streets, tmp_path / f"part{stopped_after}"))
        part.TRAIN.end_epoch = stopped_after
        run(part, train=rollback.train)
        part.TRAIN.end_epoch = 3
        resumed = run(part, begin=stopped_after, train=rollback.train)
        assert losses(resumed) == losses(lines), stopped_after


def test_rollbacks_end(streets, tmp_path):
    settings = [WILD, "run.on_explosion=rollback", "run.offset_limit=2", "run.max_rollbacks=2"]
    settings += ["run.rollback_factor=0.999"]
    with pytest.raises(trainer.Diverged, match="went back 2 times, which did not help"):
        run(config("quick_acn", *settings, *places(streets, tmp_path)), train=rollback.train)
    plain = ["run.on_explosion=rollback", "TRAIN.lr=1e18", *places(streets, tmp_path / "plain")]
    with pytest.raises(trainer.Diverged) as error:
        run(config("quick_plain", *plain), train=rollback.train)
    assert "went back" not in str(error.value)  # it has no offsets to slow


def test_settings_are_checked():
    for setting, told in (
        ("run.on_explosion=panic", "'warn', 'stop', 'rollback'"),
        ("net.offset_bound=-1", "at least 0"),
    ):
        with pytest.raises(ConfigError, match=told):
            config("quick_acn", setting)


def test_runs_from_before_a_key_existed_can_be_resumed(streets, tmp_path):
    cfg = config("quick_acn", *places(streets, tmp_path))
    state = {"config": asdict(cfg)}
    del state["config"]["net"]["offset_bound"], state["config"]["run"]["rollback_factor"]
    folder.prefix(cfg).parent.mkdir(parents=True)
    Path(f"{folder.prefix(cfg)}-0001.json").write_text(json.dumps(state))
    assert folder.differences(cfg, 1) == []
    cfg.net.offset_bound = 2.0
    assert folder.differences(cfg, 1) == ["net.offset_bound: 0.0 -> 2.0"]
