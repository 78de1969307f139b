# SPDX-License-Identifier: Apache-2.0
"""The FlowNets: published numbers of parameters, names, the guarded correlation, the loss, both engines."""

from __future__ import annotations

from math import prod

import mxnet as mx
import numpy as np
import pytest
from flows import CONFIGS, ENGINES, SMALL, config, engine_of, noise

from experiments.ledger.book import read_book
from experiments.ledger.settings import Expected
from flow.levels import LEVELS, size_at, target
from flow.rules import INPUTS, rules_of
from flow.symbols import get_symbol, names
from flow.task import OUTPUTS, measure, train_network
from lib.config import ConfigError
from lib.config.dynamic_filter import LSDFN
from lib.nets.correlation import correlation
from lib.run.schedule import schedule

PAPER = ["net.width=64", "net.kind=plain"]
TWIN = CONFIGS / "table/shapes.yaml"  # laid over the others, no configuration by itself
both = pytest.mark.skipif(len(ENGINES) < 2, reason="one of the frameworks is not installed")


def shapes(cfg, is_train=True) -> dict[str, tuple]:
    symbol = get_symbol(cfg, is_train)
    size = (384, 512)
    more = {target(level): (1, 3, *size_at(level, size)) for level in LEVELS} if is_train else {}
    found, outputs, _ = symbol.infer_shape(data=(1, 6, *size), **more)
    assert is_train or outputs == [(1, 2, *size)]
    return {name: each for name, each in zip(symbol.list_arguments(), found) if name not in INPUTS}


@pytest.mark.parametrize("symbol, biases, count", [
    ("flownet_s", "false", 38_675_536), ("flownet_s", "true", 38_676_514),
    ("flownet_c", "false", 39_174_320), ("flownet_c", "true", 39_175_298),
])  # fmt: skip
@pytest.mark.parametrize("is_train", [True, False])
def test_networks_have_the_published_numbers_of_parameters(symbol, biases, count, is_train):
    cfg = config("quick_flow", *PAPER, f"symbol={symbol}", f"net.biases={biases}", "net.max_displacement=20",
                 "net.displacement_stride=2")  # fmt: skip
    assert sum(map(prod, shapes(cfg, is_train).values())) == count


def test_names_and_shapes_are_flownets():
    found = shapes(config("quick_flow", *PAPER, "symbol=flownet_c"))
    assert found["conv1_weight"] == (64, 3, 7, 7) and found["conv_redir_weight"] == (32, 256, 1, 1)
    assert found["conv3_1_weight"] == (256, 32 + 441, 3, 3)
    assert found["deconv5_weight"] == (1024, 512, 4, 4) and found["deconv2_weight"] == (386, 64, 4, 4)
    assert found["predict_flow2_weight"] == (2, 194, 3, 3) and found["upsampled_flow6_to_5_weight"] == (2, 2, 4, 4)
    assert shapes(config("quick_flow", *PAPER))["conv1_weight"] == (64, 6, 7, 7)
    assert names() == ["flownet_c", "flownet_s"]


@pytest.mark.parametrize("inputs, section", [(256, LSDFN(samples=9)), (64, LSDFN(num_filter=8, hidden=32, post=16))])
def test_the_control_has_as_many_parameters(inputs, section):
    channels, wanted = section.control_channels(inputs), section.parameters(inputs)
    has = 9 * inputs * channels + 9 * channels**2 + 2 * channels + section.post * (channels + 1)
    assert has == pytest.approx(wanted, rel=0.02)


def test_the_block_counts_as_the_graph_does():
    """Beside its own parameters, `post` more channels are read by conv4, deconv2, predict_flow3."""
    plain, lsdfn, control = (sum(map(prod, shapes(config(f"table/{name}", "OVER=shapes.yaml")).values()))
                             for name in ("s_plain", "s_lsdfn", "s_control"))  # fmt: skip
    net = config("table/s_lsdfn", "OVER=shapes.yaml").net
    readers = net.lsdfn.post * (9 * 8 * net.width + 16 * net.width + 9 * 2)
    assert lsdfn == plain + net.lsdfn.parameters(4 * net.width) + readers
    assert control == pytest.approx(lsdfn, rel=0.001)


@pytest.mark.parametrize(
    "path", sorted(set(CONFIGS.rglob("*.yaml")) - {TWIN}), ids=lambda path: str(path.relative_to(CONFIGS))
)
def test_every_shipped_configuration_is_a_network_whose_parameters_have_rules(path):
    for over in ([], [f"OVER={TWIN}"]) if path.parent == TWIN.parent else ([],):
        cfg = config(str(path.relative_to(CONFIGS).with_suffix("")), *over)
        rules = rules_of(cfg, get_symbol(cfg).tojson())
        assert rules["conv1_weight"].wd_mult == 1 and rules["conv1_bias"].wd_mult == 0
        assert rules["deconv3_weight"].init == "msra(0.1)"


def test_an_unknown_network_is_an_error_with_the_nearest_name():
    with pytest.raises(ValueError, match="symbol: no network 'flownet_x'.*did you mean 'flownet_"):
        get_symbol(config("quick_flow", "symbol=flownet_x"))


def test_maps_of_two_shapes_are_refused_before_mxnet_reads_them():
    made = correlation(mx.sym.var("a"), mx.sym.var("b"), "corr", 2, 1)
    _, outputs, _ = made.infer_shape(a=(1, 3, 5, 4), b=(1, 3, 5, 4))
    assert outputs == [(1, 25, 5, 4)]
    for other in ((1, 3, 5, 5), (1, 2, 5, 4), (2, 3, 5, 4)):
        with pytest.raises(mx.MXNetError, match="corr_second at 1-th input: expected"):
            made.infer_shape(a=(1, 3, 5, 4), b=other)
    with pytest.raises(ValueError, match="corr: expected max_displacement >= 0 and stride >= 1, got 2 and 0"):
        correlation(mx.sym.var("a"), mx.sym.var("b"), "corr", 2, 0)


def test_a_shift_lights_its_channel():
    """One pixel to the right: dy 0 is the middle row of three, dx 1 the last column."""
    random = np.random.default_rng(0)
    first = random.normal(size=(1, 64, 6, 7))
    second = np.roll(first, 1, axis=3)
    made = correlation(mx.sym.var("a"), mx.sym.var("b"), "corr", 1, 1)
    given = {"a": mx.nd.array(first), "b": mx.nd.array(second)}
    found = made.bind(mx.cpu(), given).forward()[0].asnumpy()[0]
    assert (found[:, 1:-1, 1:-1].mean((1, 2)).argmax()) == 5
    np.testing.assert_allclose(found[5, 1:-1, 1:-1], (first**2).mean(1)[0, 1:-1, 1:-1], rtol=1e-5)


@both
@pytest.mark.parametrize("symbol", ["flownet_s", "flownet_c"])
@pytest.mark.parametrize("kind", ["plain", "lsdfn", "control"])
def test_engines_agree_in_float64_on_a_size_that_nothing_divides(symbol, kind):
    settings = [*SMALL, f"symbol={symbol}", f"net.kind={kind}", "run.precision=float64", "TRAIN.wd=0.01"]
    engines = [engine_of(config("quick_flow", *settings, f"engine={name}")) for name in ENGINES]
    for seed in range(3):
        batch = noise(engines[0], seed)
        first, second = (engine.update(batch, 1e-3)[0] for engine in engines)
        for name, value in first.items():
            np.testing.assert_allclose(second[name], value, rtol=1e-9, atol=1e-11, err_msg=name)
    for name, value in engines[0].parameters()[0].items():
        np.testing.assert_allclose(engines[1].parameters([name])[0][name], value, rtol=0, atol=1e-8, err_msg=name)


@pytest.mark.parametrize("name", ENGINES)
def test_the_loss_is_the_weighted_length_of_known_differences(name):
    engine = engine_of(config("quick_flow", *SMALL, "net.kind=plain", f"engine={name}", "run.precision=float64"))
    flow_names = [f"predict_flow{level}_output" for level in LEVELS]
    batch = noise(engine)
    flows = engine.compute(batch, flow_names)
    outputs = engine.update(batch, 0.0)[0]
    for level, weight in zip(LEVELS, (0.005, 0.01, 0.02, 0.08, 0.32)):
        truth = batch[target(level)]
        lengths = np.linalg.norm(flows[f"predict_flow{level}_output"] - truth[:, :2], axis=1)
        expected = weight * (lengths * truth[:, 2]).sum((1, 2)).mean()
        np.testing.assert_allclose(outputs[f"loss{level}_output"], expected, rtol=1e-6)
    told = measure(outputs, batch)
    assert told["FlowLoss"][0] == pytest.approx(2 * sum(float(outputs[f"loss{level}_output"]) for level in LEVELS))
    known = batch["flow2"][:, 2] > 0
    lengths = 20 * np.linalg.norm(flows["predict_flow2_output"] - batch["flow2"][:, :2], axis=1)
    assert told["EPE"] == (pytest.approx(lengths[known].sum()), known.sum())


@pytest.mark.parametrize("name", ENGINES)
def test_unknown_flow_and_an_error_of_0_have_no_gradient(name):
    engine = engine_of(config("quick_flow", *SMALL, "net.kind=plain", f"engine={name}", "TRAIN.wd=0"))
    start, _ = engine.parameters()
    engine.load({key: 0 * value for key, value in start.items() if key.startswith("predict")}, {})
    batch = noise(engine)
    for level in LEVELS:  # flow 0 is predicted: right where it is known, and nobody knows the rest
        batch[target(level)][:, :2] *= 1 - batch[target(level)][:, 2:]
    before, _ = engine.parameters()
    engine.update(batch, 1.0)
    for key, value in engine.parameters()[0].items():
        np.testing.assert_allclose(value, before[key], rtol=0, atol=1e-6, err_msg=key)


def test_a_batch_whose_flow_is_unknown_counts_for_no_error():
    cfg = config("quick_flow", *SMALL)
    batch = {name: np.zeros(shape, np.float32) for name, shape in train_network(cfg).inputs.items()}
    outputs = {name: np.ones(1, np.float32) for name in OUTPUTS[:-1]}
    outputs[OUTPUTS[-1]] = np.ones_like(batch["flow2"][:, :2])
    assert measure(outputs, batch) == {"FlowLoss": (10.0, 2.0), "EPE": (0.0, 0.0)}
    batch["flow2"][0, 2, 0, 0] = 1
    assert measure(outputs, batch)["EPE"] == (pytest.approx(20 * 2**0.5), 1.0)


def test_wrong_settings_are_told():
    for setting, told in {
        "net.loss_weights=[1,2]": "net.loss_weights: expected 5 numbers",
        "net.loss_weights=[0,0,0,0,0]": "net.loss_weights: .*not all 0",
        "TRAIN.CROP=[64]": "TRAIN.CROP: expected height and width",
        "augment.scale=[2,1]": "augment.scale: expected two factors",
        "augment.contrast=1": "augment.contrast: expected less than 1",
        "augment.translation=1": "augment.translation: expected less than 1",
        "augment.second_translation=20": "augment.second_translation: expected less than 1",
        "augment.rotation=1e9": "augment.rotation: expected at most 180 degrees",
        "augment.second_rotation=181": "augment.second_rotation: expected at most 180 degrees",
        "net.displacement_stride=0": "net.displacement_stride: expected at least 1",
        "net.kind=deformable": "net.kind: expected one of 'plain', 'lsdfn', 'control'",
    }.items():
        with pytest.raises(ConfigError, match=told.replace("[", r"\[")):
            config("quick_flow", setting)


def test_published_schedules_halve_the_rate_when_they_should():
    images, batch = 22_232, 8
    for name, drops, end in (("s_plain", (300_000, 400_000, 500_000), 600_000),
                             ("c_plain", (300_000, 400_000, 500_000), 600_000),
                             ("s_short", (100_000, 150_000, 200_000), 300_000)):  # fmt: skip
        cfg = config(f"table/{name}")
        rate = schedule(cfg, images, batch)
        assert rate.drops == drops and 0 <= cfg.TRAIN.end_epoch * (images // batch) - end < images // batch
        assert rate(drops[0]) == 1e-4 and rate(drops[0] + 1) == 5e-5 and cfg.TRAIN.optimizer == "adam"
    rate = schedule(config("table/c_plain"), images, batch)
    assert rate(1) == 1e-6 and rate(10_000) == 1e-4 and rate(5001) == pytest.approx(5.05e-5)


def test_the_ledgers_lines_have_small_twins():
    """The two recipes of FlowNetS differ at the published size alone."""
    expected = Expected(read_book("flow"))
    chosen = expected.representatives("shapes")
    assert chosen.pop("s_short") == "s_plain" and all(name == each for name, each in chosen.items())
    assert len(set(expected.representatives("chairs").values())) == 6
    twin = expected["shapes"]["s_lsdfn"]
    assert twin["net"]["kind"] == "lsdfn" and twin["net"]["width"] == 16 and twin["dataset"]["dataset"] == "shapes"
