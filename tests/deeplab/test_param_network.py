# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import mxnet as mx
import numpy as np
import pytest

from deeplab.symbols import get_symbol
from lib.engines.mxnet.network import Network
from lib.run import params

PLAIN = "resnet_v1_101_deeplab"
SHAPE = (1, 3, 32, 48)


def network_of(cfg, ctx=None, is_train=False):
    return Network(cfg, get_symbol(cfg, is_train), SHAPE, ctx)


def equal(first, second):
    return first.keys() == second.keys() and all(np.array_equal(first[name], second[name]) for name in first)


def test_same_seed_same_network_and_variants_share_what_they_have_in_common(tiny_config_of):
    cfg = tiny_config_of()
    plain, _ = network_of(cfg).to_numpy()
    assert equal(plain, network_of(cfg).to_numpy()[0])
    active, _ = network_of(tiny_config_of(f"{PLAIN}_acn")).to_numpy()
    assert equal(plain, {name: value for name, value in active.items() if not name.endswith("_offset")})
    cfg.run.seed = 1
    assert not np.array_equal(plain["fc6_weight"], network_of(cfg).to_numpy()[0]["fc6_weight"])


def test_a_checkpoint_brings_back_every_value(tiny_config_of, tmp_path):
    cfg = tiny_config_of(f"{PLAIN}_acn")
    network = network_of(cfg)
    for parameter in network.params.values():
        parameter.set_data(mx.nd.random.uniform(0.5, 1, parameter.shape))
    params.save(tmp_path / "a-0001.params", *network.to_numpy())
    cfg.run.seed = 5
    other = network_of(cfg)
    other.load(*params.load(tmp_path / "a-0001.params"))
    assert all(equal(a, b) for a, b in zip(network.to_numpy(), other.to_numpy()))
    image = mx.nd.random.uniform(-1, 1, SHAPE)
    np.testing.assert_array_equal(network.block(image).asnumpy(), other.block(image).asnumpy())


def test_mxnet_reads_the_checkpoint(tiny_config_of, tmp_path):
    network = network_of(tiny_config_of())
    prefix = str(tmp_path / "net")
    network.symbol.save(f"{prefix}-symbol.json")
    params.save(f"{prefix}-0003.params", *network.to_numpy())
    _, arg, aux = mx.model.load_checkpoint(prefix, 3)
    ours = network.to_numpy()
    assert equal({name: value.asnumpy() for name, value in arg.items()}, ours[0])
    assert equal({name: value.asnumpy() for name, value in aux.items()}, ours[1])


def test_a_checkpoint_that_does_not_fit_is_an_error_that_lists_everything_and_changes_nothing(tiny_config_of):
    network = network_of(tiny_config_of())
    arg, aux = network.to_numpy()
    del arg["fc6_bias"], aux["bn_conv1_moving_var"]
    arg["score_weight"] = np.zeros((21, 8, 1, 1))
    arg["fc1000_bias"] = np.zeros(1000)
    arg["conv1_weight"] = arg["conv1_weight"] + 1
    before = network.to_numpy()
    with pytest.raises(ValueError) as error:
        network.load(arg, aux)
    for part in (
        "fc6_bias is missing",
        "bn_conv1_moving_var is missing",
        "score_weight has shape (21, 8, 1, 1), expected (19, 8, 1, 1)",
        "fc1000_bias is not a parameter of this network",
    ):
        assert part in str(error.value)
    assert all(equal(a, b) for a, b in zip(before, network.to_numpy()))


def test_an_argument_among_the_auxiliary_states_is_missing_and_unknown(tiny_config_of):
    network = network_of(tiny_config_of())
    arg, aux = network.to_numpy()
    aux["fc6_bias"] = arg.pop("fc6_bias")
    with pytest.raises(ValueError, match="fc6_bias is missing; fc6_bias is not a parameter"):
        network.load(arg, aux)


def test_a_pretrained_network_gives_the_backbone_only(tiny_config_of):
    source = network_of(tiny_config_of())
    arg, aux = source.to_numpy()
    arg = {name: value + 1 for name, value in arg.items()}
    for name in ("fc6_weight", "fc6_bias", "upsampling_weight"):
        del arg[name]
    arg["fc1000_weight"] = np.zeros((1000, 32))
    network = network_of(tiny_config_of(f"{PLAIN}_acn"))
    before, _ = network.to_numpy()
    assert network.load_pretrained(arg, aux) == ["fc1000_weight", "score_bias", "score_weight"]
    after, _ = network.to_numpy()
    for name in after:
        new = "offset" in name or name.startswith(("fc6", "score", "upsampling"))
        np.testing.assert_array_equal(after[name], before[name] if new else arg[name], err_msg=name)

    del arg["res3a_branch1_weight"]
    with pytest.raises(ValueError, match="do not fit 'softmax': res3a_branch1_weight is missing$"):
        network.load_pretrained(arg, aux)


def test_offsets_are_those_of_the_active_convolutions(tiny_config_of):
    offsets = network_of(tiny_config_of(f"{PLAIN}_acn")).offsets()
    assert sorted(offsets) == ["res5a_branch2b_offset", "res5b_branch2b_offset"]
    assert all(value.shape == (1, 1, 3, 3, 2) and not value.any() for value in offsets.values())
    assert network_of(tiny_config_of(f"{PLAIN}_dcn")).offsets() == {}


def test_several_devices_start_equal_and_statistics_are_averaged(tiny_config_of):
    network = network_of(tiny_config_of(), ctx=[mx.cpu(0), mx.cpu(1)])
    for parameter in network.params.values():
        first, second = parameter.list_data()
        np.testing.assert_array_equal(first.asnumpy(), second.asnumpy())
    first, second = network.params["bn_conv1_moving_mean"].list_data()
    first[:], second[:] = 1, 2
    assert set(network.to_numpy()[1]["bn_conv1_moving_mean"]) == {1.5}


def test_the_block_accepts_other_batch_and_image_sizes(tiny_config_of):
    network = network_of(tiny_config_of())
    for shape in (SHAPE, (2, 3, 64, 80), (1, 3, 33, 47)):
        out = network.block(mx.nd.ones(shape))
        assert out.shape == (shape[0], 19, *shape[2:])


@pytest.mark.parametrize("static", [False, True])
def test_reading_waits_for_the_backward_pass_that_moves_the_statistics(tiny_config_of, static):
    network = network_of(tiny_config_of(train_bn=True), is_train=True)
    network.block.hybridize(static_alloc=static, static_shape=static)
    for _ in range(3):
        with mx.autograd.record():
            out = network.block(mx.nd.random.uniform(-2, 2, (1, 3, 96, 128)), mx.nd.zeros((1, 96, 128)))
        out.backward()
        _, early = network.to_numpy()
        mx.nd.waitall()
        assert equal(early, network.to_numpy()[1])
