# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import mxnet as mx
import pytest

from deeplab.rules import rules_of
from deeplab.symbols import get_symbol

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
    found = rules_of(config_of(DCN), get_symbol(config_of(DCN)).tojson())
    assert {name: as_tuple(found[name]) for name in ORIGINAL} == ORIGINAL


@pytest.mark.parametrize("symbol, scale, name, expected", OFFSETS)
def test_what_makes_offsets_has_its_own_learning_rate(config_of, symbol, scale, name, expected):
    cfg = config_of(symbol, offset_lr_mult=scale)
    assert as_tuple(rules_of(cfg, get_symbol(cfg).tojson())[name]) == pytest.approx(expected)


def test_fixed_params_are_substrings_of_the_configuration(config_of):
    cfg = config_of()
    cfg.network.FIXED_PARAMS = ["branch2a", "fc6"]
    found = rules_of(cfg, get_symbol(cfg).tojson())
    still = {name for name in ORIGINAL if found[name].grad_req == "null"}
    assert still == {
        *("bn_conv1_moving_mean", "bn_conv1_moving_var", "upsampling_weight"),
        *("bn4b22_branch2a_beta", "fc6_weight", "fc6_bias"),
    }


@pytest.mark.parametrize("symbol", [PLAIN, DCN, MODULATED, ACN])
def test_only_the_backbone_comes_from_a_pretrained_network(config_of, symbol):
    found = rules_of(config_of(symbol), get_symbol(config_of(symbol)).tojson())
    new = {name for name, rule in found.items() if not rule.pretrained}
    assert new == {name for name in found if name.startswith(("fc6", "score", "upsampling")) or "offset" in name}
    assert {"conv1_weight", "bn_conv1_moving_var", "res5c_branch2b_weight"} <= set(found) - new


def test_an_unknown_name_is_an_error(config_of):
    graph = get_symbol(config_of()).tojson().replace("res5a_branch2c_weight", "res5a_branch2b_scale")
    with pytest.raises(
        ValueError, match=r"parameter 'res5a_branch2b_scale': no row of the table in .*deeplab/rules.py"
    ):
        rules_of(config_of(), graph)


def test_every_network_has_a_rule_for_each_parameter_and_none_for_its_inputs(config_of):
    for symbol in (PLAIN, DCN, MODULATED, ACN):
        net = get_symbol(config_of(symbol))
        names = {*net.list_arguments(), *net.list_auxiliary_states()} - {"data", "label"}
        assert set(rules_of(config_of(symbol), net.tojson())) == names


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
