# SPDX-License-Identifier: Apache-2.0
"""The parameters of a network that an engine holds: how they begin, what can be loaded, what comes out."""

from __future__ import annotations

import mxnet as mx
import numpy as np
import pytest
from trainings import ENGINES, engine_of, noise

from deeplab.task import test_network as network_for_testing
from lib.looking.layers import looking_layers, offset_parameters
from lib.run import checkpoint, params
from lib.weights.pretrained import take_pretrained

PLAIN = "resnet_v1_101_deeplab"
SHAPE = (1, 3, 32, 48)


@pytest.fixture(params=ENGINES)
def network_of(request, tiny_config_of):
    """network_of(symbol, is_train=False, **net) -> an engine that holds such a network, and its configuration."""

    def make(symbol=PLAIN, is_train=False, seed=0, cpus=1, **net):
        cfg = tiny_config_of(symbol, **net)
        cfg.engine, cfg.run.seed, cfg.run.cpus, cfg.SCALES = request.param, seed, cpus, [[32, 48]]
        cfg.TRAIN.ENABLE_CROP = False
        return engine_of(cfg, is_train)

    return make


def equal(first, second):
    return first.keys() == second.keys() and all(np.array_equal(first[name], second[name]) for name in first)


def scores(engine, image):
    return engine.compute({"data": image}, ["softmax_output"])["softmax_output"]


def test_same_seed_same_network_and_variants_share_what_they_have_in_common(network_of):
    plain, _ = network_of(is_train=True).parameters()
    assert equal(plain, network_of(is_train=True).parameters()[0])
    active, _ = network_of(f"{PLAIN}_acn", is_train=True).parameters()
    assert equal(plain, {name: value for name, value in active.items() if not name.endswith("_offset")})
    other, _ = network_of(is_train=True, seed=1).parameters()
    assert not np.array_equal(plain["fc6_weight"], other["fc6_weight"])


def test_a_checkpoint_brings_back_every_value(network_of, tmp_path):
    engine = network_of(f"{PLAIN}_acn")
    random = np.random.default_rng(0)
    made = [{name: random.uniform(0.5, 1, value.shape).astype(np.float32) for name, value in part.items()}
            for part in engine.parameters()]  # fmt: skip
    engine.load(*made)
    assert all(equal(a, b) for a, b in zip(made, engine.parameters()))
    params.save(tmp_path / "a-0001.params", *engine.parameters())
    other = network_of(f"{PLAIN}_acn", seed=5)
    image = random.uniform(-1, 1, SHAPE).astype(np.float32)
    before = scores(other, image)
    other.load(*params.load(tmp_path / "a-0001.params"))
    assert all(equal(a, b) for a, b in zip(engine.parameters(), other.parameters()))
    np.testing.assert_array_equal(scores(engine, image), scores(other, image))
    assert not np.array_equal(before, scores(other, image))


def test_what_comes_out_and_goes_in_are_copies(network_of):
    engine = network_of()
    arg, aux = engine.parameters()
    kept = [{name: value.copy() for name, value in part.items()} for part in (arg, aux)]
    for part in (arg, aux):
        for value in part.values():
            value += 1
    assert all(equal(a, b) for a, b in zip(kept, engine.parameters()))
    engine.load(arg, aux)
    loaded = [{name: value.copy() for name, value in part.items()} for part in (arg, aux)]
    for part in (arg, aux):
        for value in part.values():
            value += 1
    assert all(equal(a, b) for a, b in zip(loaded, engine.parameters()))


def test_mxnet_reads_the_checkpoint(network_of, tmp_path):
    engine = network_of()
    prefix = str(tmp_path / "net")
    (tmp_path / "net-symbol.json").write_text(engine.network.graph)
    params.save(f"{prefix}-0003.params", *engine.parameters())
    _, arg, aux = mx.model.load_checkpoint(prefix, 3)
    ours = engine.parameters()
    assert equal({name: value.asnumpy() for name, value in arg.items()}, ours[0])
    assert equal({name: value.asnumpy() for name, value in aux.items()}, ours[1])


def spoiled(engine):
    """Parameters with one fault of every kind."""
    arg, aux = engine.parameters()
    del arg["fc6_bias"], aux["bn_conv1_moving_var"]
    arg["score_weight"] = np.zeros((21, 8, 1, 1), np.float32)
    arg["fc1000_bias"] = np.zeros(1000, np.float32)
    arg["conv1_weight"] = arg["conv1_weight"] + 1
    return arg, aux


FAULTS = (
    "fc6_bias is missing",
    "bn_conv1_moving_var is missing",
    "score_weight has shape (21, 8, 1, 1), expected (19, 8, 1, 1)",
    "fc1000_bias is not a parameter of this network",
)


def test_parameters_that_do_not_fit_are_an_error_that_lists_everything(network_of):
    engine = network_of()
    arg, aux = spoiled(engine)
    with pytest.raises(ValueError) as error:
        engine.build(engine.network, arg, aux)
    assert all(part in str(error.value) for part in FAULTS)


def test_a_checkpoint_that_does_not_fit_changes_nothing(network_of, tmp_path):
    engine = network_of(is_train=True)
    engine.update(noise(engine), 0.0)
    before = engine.parameters()
    checkpoint.save(tmp_path / "a", 1, engine, {}, "{}", {})
    params.save(tmp_path / "a-0001.params", *spoiled(engine))
    with pytest.raises(ValueError) as error:
        checkpoint.restore(tmp_path / "a", 1, engine, 0.9)
    assert all(part in str(error.value) for part in (*FAULTS, "a-0001.params"))
    assert all(equal(a, b) for a, b in zip(before, engine.parameters()))


def test_an_argument_among_the_auxiliary_states_is_missing_and_unknown(network_of):
    engine = network_of()
    arg, aux = engine.parameters()
    aux["fc6_bias"] = arg.pop("fc6_bias")
    with pytest.raises(ValueError, match="fc6_bias is missing; fc6_bias is not a parameter"):
        engine.build(engine.network, arg, aux)


def test_a_pretrained_network_gives_the_backbone_only(network_of, config_of, tmp_path):
    arg, aux = network_of(is_train=True).parameters()
    arg = {name: value + 1 for name, value in arg.items()}
    for name in ("fc6_weight", "fc6_bias", "upsampling_weight"):
        del arg[name]
    arg["fc1000_weight"] = np.zeros((1000, 32), np.float32)
    engine = network_of(f"{PLAIN}_acn", is_train=True)
    before, _ = engine.parameters()
    cfg = config_of()
    cfg.network.pretrained, cfg.network.pretrained_epoch = str(tmp_path / "donor"), 7
    params.save(tmp_path / "donor-0007.params", arg, aux)
    path, unused = take_pretrained(cfg, engine)
    assert path == tmp_path / "donor-0007.params" and unused == ["fc1000_weight", "score_bias", "score_weight"]
    after, _ = engine.parameters()
    for name in after:
        new = "offset" in name or name.startswith(("fc6", "score", "upsampling"))
        np.testing.assert_array_equal(after[name], before[name] if new else arg[name], err_msg=name)

    del arg["res3a_branch1_weight"]
    arg["res2a_branch2a_weight"] = arg["res2a_branch2a_weight"][:1]
    params.save(tmp_path / "donor-0007.params", arg, aux)
    with pytest.raises(ValueError, match="donor-0007.params: not the backbone of this network: res2a_branch2a_weight "
                       r"has shape \(1, 4, 3, 3\), expected .*; res3a_branch1_weight is missing$"):  # fmt: skip
        take_pretrained(cfg, engine)
    assert equal(after, engine.parameters()[0])


def test_offsets_are_those_of_the_active_convolutions(network_of):
    engine = network_of(f"{PLAIN}_acn")
    names = offset_parameters(looking_layers(engine.network.graph))
    assert names == ["res5a_branch2b_offset", "res5b_branch2b_offset"]
    offsets, states = engine.parameters(names)
    assert list(offsets) == names and states == {}
    assert all(value.shape == (1, 1, 3, 3, 2) and not value.any() for value in offsets.values())
    assert offset_parameters(looking_layers(network_of(f"{PLAIN}_dcn").network.graph)) == []


def test_other_batch_and_image_sizes_are_taken(network_of):
    engine = network_of()
    for shape in (SHAPE, (2, 3, 64, 80), (1, 3, 33, 47)):
        image = np.ones(shape, np.float32)
        assert scores(engine, image).shape == engine.shapes({"data": shape})["softmax_output"]
        assert scores(engine, image).shape == (shape[0], 19, *shape[2:])


def test_statistics_come_out_as_the_last_update_left_them(network_of):
    """MXNet moves them in a backward pass that reading does not wait for by itself."""
    engine = network_of(is_train=True, train_bn=True)
    seen = []
    for seed in range(3):
        engine.update(noise(engine, seed), 0.0)
        _, early = engine.parameters()
        mx.nd.waitall()
        assert equal(early, engine.parameters()[1])
        seen.append(early["bn_conv1_moving_mean"])
    assert not np.array_equal(seen[0], seen[1]) and not np.array_equal(seen[1], seen[2])


def test_a_network_for_testing_needs_no_label(tiny_config_of):
    assert "label" not in network_for_testing(tiny_config_of()).inputs
