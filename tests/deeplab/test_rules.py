# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import mxnet as mx
import numpy as np
import pytest

from deeplab.symbols import get_symbol
from lib.engines.mxnet.network import Network
from lib.run.initial import initial_value
from lib.run.rules import network_shapes, rules

PLAIN, DCN, MODULATED, ACN = (f"resnet_v1_101_deeplab{variant}" for variant in ("", "_dcn", "_modulated", "_acn"))

# name: (lr_mult, wd_mult, grad_req with the original's FIXED_PARAMS, initial value)
ORIGINAL = {
    "conv1_weight": (1, 1, "null", "msra"),
    "bn_conv1_gamma": (1, 1, "null", "ones"),
    "bn_conv1_beta": (1, 0, "null", "zeros"),
    "bn_conv1_moving_mean": (1, 0, "null", "zeros"),
    "bn_conv1_moving_var": (1, 0, "null", "ones"),
    "res2a_branch1_weight": (1, 1, "null", "msra"),
    "res3b3_branch2c_weight": (1, 1, "write", "msra"),
    "bn3b3_branch2c_gamma": (1, 1, "null", "ones"),
    "bn4b22_branch2a_beta": (1, 0, "null", "zeros"),
    "res5c_branch2b_weight": (1, 1, "write", "msra"),
    "fc6_weight": (1, 1, "write", "normal"),
    "fc6_bias": (2, 0, "write", "zeros"),
    "score_weight": (1, 1, "write", "normal"),
    "score_bias": (2, 0, "write", "zeros"),
    "upsampling_weight": (0, 1, "null", "bilinear"),
}
OFFSETS = [
    (DCN, 1.0, "res5a_branch2b_offset_weight", (1, 1, "write", "zeros")),
    (DCN, 1.0, "res5a_branch2b_offset_bias", (2, 0, "write", "zeros")),
    (DCN, 0.1, "res5a_branch2b_offset_bias", (0.2, 0, "write", "zeros")),
    (MODULATED, 1.0, "res5b_branch2b_offset_weight", (0.1, 1, "write", "zeros")),
    (MODULATED, 1.0, "res5b_branch2b_offset_bias", (0.1, 0, "write", "zeros")),
    (ACN, 1.0, "res5c_branch2b_offset", (1, 0, "write", "zeros")),
    (ACN, 0.01, "res5c_branch2b_offset", (0.01, 0, "write", "zeros")),
    (ACN, 0.0, "res5c_branch2b_offset", (0, 0, "null", "zeros")),
]


def as_tuple(rule):
    return rule.lr_mult, rule.wd_mult, rule.grad_req, rule.init


def test_the_table_is_the_originals(config_of):
    found = {name: as_tuple(rule) for name, rule in rules(config_of(DCN), ORIGINAL).items()}
    assert found == ORIGINAL


@pytest.mark.parametrize("symbol, scale, name, expected", OFFSETS)
def test_what_makes_offsets_has_its_own_learning_rate(config_of, symbol, scale, name, expected):
    cfg = config_of(symbol, offset_lr_mult=scale)
    assert as_tuple(rules(cfg, [name])[name]) == pytest.approx(expected)


def test_fixed_params_are_substrings_of_the_configuration(config_of):
    cfg = config_of()
    cfg.network.FIXED_PARAMS = ["branch2a", "fc6"]
    found = rules(cfg, ORIGINAL)
    still = {name for name, rule in found.items() if rule.grad_req == "null"}
    assert still == {
        *("bn_conv1_moving_mean", "bn_conv1_moving_var", "upsampling_weight"),
        *("bn4b22_branch2a_beta", "fc6_weight", "fc6_bias"),
    }


def test_only_the_backbone_comes_from_a_pretrained_network(config_of):
    names = [*ORIGINAL, *(name for _, _, name, _ in OFFSETS)]
    new = {name for name, rule in rules(config_of(), names).items() if not rule.pretrained}
    assert new == {name for name in names if name.startswith(("fc6", "score", "upsampling")) or "offset" in name}


def test_an_unknown_name_is_an_error(config_of):
    with pytest.raises(ValueError, match="parameter 'res5a_branch2b_scale': no row of the table"):
        rules(config_of(), ["conv1_weight", "res5a_branch2b_scale"])


@pytest.mark.parametrize("symbol", [PLAIN, DCN, MODULATED, ACN])
def test_the_symbol_carries_the_multipliers_and_its_json_keeps_them(config_of, symbol):
    net = get_symbol(config_of(symbol, offset_lr_mult=0.5))
    attributes = mx.sym.load_json(net.tojson()).attr_dict()
    found = {name: float(a["__lr_mult__"]) for name, a in attributes.items() if "__lr_mult__" in a}
    expected = {"fc6_bias": 2, "score_bias": 2, "upsampling_weight": 0}
    for unit in "abc":
        offset = f"res5{unit}_branch2b_offset"
        if symbol == DCN:
            expected.update({f"{offset}_weight": 0.5})  # the bias has 2 * 0.5 = 1
        if symbol == MODULATED:
            expected.update({f"{offset}_weight": 0.05, f"{offset}_bias": 0.05})
        if symbol == ACN:
            expected.update({offset: 0.5})
    assert found == pytest.approx(expected)


def test_network_shapes_needs_no_label_shape(tiny_config_of):
    shapes = network_shapes(get_symbol(tiny_config_of()), (2, 3, 64, 96))
    assert shapes["label"] == (2, 64, 96)
    assert shapes["bn5b_branch2b_moving_var"] == (32,)
    assert "label" not in network_shapes(get_symbol(tiny_config_of(), is_train=False), (2, 3, 64, 96))


def test_bilinear_is_mxnets():
    for size in (3, 4, 16, 32, 64):
        theirs = mx.nd.zeros((2, 1, size, size))
        mx.init.Bilinear()._init_weight("w", theirs)
        ours = initial_value("bilinear", "upsampling_weight", theirs.shape, 0)
        np.testing.assert_allclose(ours, theirs.asnumpy(), atol=1e-7)
    # Original: f = 16, c = 0.96875; first tap (1 - c)^2.
    assert initial_value("bilinear", "u", (19, 1, 32, 32), 0)[3, 0, 0, 0] == np.float32(0.03125**2)


def test_random_values_have_the_stated_spread_and_depend_on_seed_and_name():
    weight = initial_value("msra", "res4a_branch2b_weight", (256, 64, 3, 3), 0)
    assert weight.dtype == np.float32
    assert weight.std() == pytest.approx(np.sqrt(2 / (64 * 9)), rel=0.02)
    assert abs(weight.mean()) < 1e-3
    assert initial_value("normal", "fc6_weight", (300, 200, 1, 1), 0).std() == pytest.approx(0.01, rel=0.02)
    np.testing.assert_array_equal(weight, initial_value("msra", "res4a_branch2b_weight", weight.shape, 0))
    assert not np.array_equal(weight, initial_value("msra", "res4a_branch2b_weight", weight.shape, 1))
    assert not np.array_equal(weight, initial_value("msra", "res4b_branch2b_weight", weight.shape, 0))
    with pytest.raises(ValueError, match="parameter 'w': unknown initial value 'xavier'; known: bilinear, msra"):
        initial_value("xavier", "w", (1,), 0)


SGD = {"learning_rate": 0.02, "momentum": 0.9, "wd": 0.1, "rescale_grad": 1.0}


def module_updates(symbol, fixed, start, batches):
    shape, label_shape = batches[0][0].shape, batches[0][1].shape
    module = mx.mod.Module(symbol, ("data",), ("label",), context=mx.cpu(), fixed_param_names=fixed)
    module.bind([("data", shape)], [("label", label_shape)], for_training=True)
    arg, aux = ({name: mx.nd.array(value) for name, value in part.items()} for part in start)
    module.init_params(initializer=None, arg_params=arg, aux_params=aux)
    module.init_optimizer(kvstore=None, optimizer="sgd", optimizer_params=SGD)
    for data, label in batches:
        module.forward_backward(mx.io.DataBatch([mx.nd.array(data)], [mx.nd.array(label)]))
        module.update()
    mx.nd.waitall()  # see Network.to_numpy
    arg, aux = module.get_params()
    return {name: value.asnumpy() for name, value in {**arg, **aux}.items()}


def trainer_updates(network, batches):
    trainer = mx.gluon.Trainer(network.params, "sgd", SGD, update_on_kvstore=False)
    for data, label in batches:
        with mx.autograd.record():
            out = network.block(mx.nd.array(data), mx.nd.array(label))
        out.backward()
        trainer.step(1)
    arg, aux = network.to_numpy()
    return {**arg, **aux}


@pytest.mark.parametrize("fixed", [["conv1", "res2", "bn2"], ["conv1", "bn_conv1", "res2", "bn2", "gamma", "beta"]])
@pytest.mark.parametrize("symbol", [PLAIN, DCN, MODULATED, ACN])
def test_three_updates_equal_modules(tiny_config_of, symbol, fixed):
    cfg = tiny_config_of(symbol, train_bn=True, offset_lr_mult=0.5)
    cfg.network.FIXED_PARAMS = fixed
    random = np.random.default_rng(3)
    batches = [(random.uniform(-2, 2, (2, 3, 48, 64)), random.integers(0, 19, (2, 48, 64))) for _ in range(3)]
    net = get_symbol(cfg)
    network = Network(cfg, net, batches[0][0].shape)
    # Zero offsets sit on the kinks of the interpolation; start beside them, with every class of parameter in motion.
    for name, parameter in network.params.items():
        if "offset" in name:
            size = 0.01 if name.endswith("_weight") else 1
            parameter.set_data(mx.nd.array(random.uniform(0.1 * size, 0.4 * size, parameter.shape)))
    start = network.to_numpy()
    before = {**start[0], **start[1]}
    frozen = [name for name in start[0] if any(part in name for part in fixed)]
    theirs = module_updates(net, frozen, start, batches)
    ours = trainer_updates(network, batches)
    assert set(ours) == set(theirs)
    for name, rule in network.rules.items():
        np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-4, atol=1e-6, err_msg=name)
        moved = not np.array_equal(ours[name], before[name])
        # MXNet updates statistics in the backward pass, which ends where nothing before is trained: after res2.
        statistic = "moving" in name and not name.startswith(("bn_conv1", "bn2"))
        assert moved == (rule.grad_req == "write" or statistic), name
