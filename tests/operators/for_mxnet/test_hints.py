# SPDX-License-Identifier: Apache-2.0
"""Scheduling hints (lr_mult, wd_mult, ctx_group, ...) reach the variables that a node creates, as a stock node's do."""

from __future__ import annotations

import warnings

import mxnet as mx
import numpy as np
import pytest
from samples import OPERATORS, sample

from operators.for_mxnet import sym

SIZES = {"kernel": (3, 3), "num_filter": 8}


def _hints(symbol, variable: str) -> dict:
    attributes = symbol.attr_dict().get(variable, {})
    return {key: value for key, value in attributes.items() if key not in SIZES}


GIVEN = {
    "keyword": ({}, {"lr_mult": 2, "wd_mult": 0.5}),
    "underscored keyword": ({}, {"__lr_mult__": "2", "__mood__": "quiet"}),
    "attr": ({}, {"attr": {"lr_mult": "3", "__mood__": "quiet"}}),
    "scope": ({"ctx_group": "dev1", "__mood__": "loud"}, {}),
    "attr over scope": ({"lr_mult": "7", "wd_mult": "1"}, {"attr": {"lr_mult": "3"}}),
    "scope over keyword": ({"lr_mult": "7"}, {"lr_mult": 3, "wd_mult": 2}),
    "all hints": ({}, {"attr": {"ctx_group": "a", "force_mirroring": "1", "mirror_stage": "2"}}),
}


@pytest.mark.parametrize("case", GIVEN)
def test_variables_get_the_hints_that_stock_gives_them(case):
    scope, arguments = GIVEN[case]
    with mx.AttrScope(**scope):
        ours = sym.DeformableConvolution(mx.sym.var("data"), name="n", **SIZES, **arguments)
        stock = mx.sym.contrib.DeformableConvolution(mx.sym.var("data"), name="n", **SIZES, **arguments)
        plain = mx.sym.Convolution(mx.sym.var("data"), name="n", **SIZES, **arguments)
    for variable in ("n_offset", "n_weight", "n_bias"):
        assert _hints(ours, variable) == _hints(stock, variable)
        assert _hints(ours, variable)
    assert _hints(ours, "n_weight") == _hints(plain, "n_weight")
    node = ours.attr_dict()["n"]
    assert {key: node.get(key) for key in _hints(stock, "n_weight")} == _hints(stock, "n_weight")


def test_variables_that_were_given_keep_their_own_hints():
    offset = mx.sym.var("o", lr_mult=0.1)
    symbol = sym.DeformableConvolution(mx.sym.var("data"), offset, name="n", lr_mult=5, **SIZES)
    attributes = symbol.attr_dict()
    assert attributes["o"]["__lr_mult__"] == "0.1"
    assert attributes["n_weight"]["__lr_mult__"] == "5"
    assert "data" not in attributes


def test_hints_survive_saving():
    symbol = sym.ActiveConvolution(mx.sym.var("data"), name="n", lr_mult=5, **SIZES)
    assert mx.sym.load_json(symbol.tojson()).attr_dict() == symbol.attr_dict()


def test_a_word_that_is_no_hint_is_an_error_wherever_it_stands():
    expected = "Error in operator n: DeformableConvolution: unknown attribute 'mood'"
    for scope, arguments in (({}, {"mood": "a"}), ({}, {"attr": {"mood": "a"}}), ({"mood": "a"}, {})):
        with mx.AttrScope(**scope):
            data = mx.sym.var("data")
            with pytest.raises(mx.MXNetError, match=expected):
                sym.DeformableConvolution(data, name="n", **SIZES, **arguments)


def test_a_hint_for_one_variable_says_where_it_belongs():
    with pytest.raises(mx.MXNetError, match=r"weight=mx.sym.var\(\.\.\., lr_mult=3\)"):
        sym.DeformableConvolution(mx.sym.var("data"), name="n", weight_lr_mult=3, **SIZES)


@pytest.mark.parametrize("operator", OPERATORS)
def test_lr_mult_and_wd_mult_scale_the_update_of_a_module(operator):
    one = sample(operator)
    symbol = getattr(sym, operator)(mx.sym.var("data"), name="n", lr_mult=3, **one.attributes)
    names = [name for name in one.arrays if name != "data"]
    parameters = {f"n_{name}": mx.nd.array(one.arrays[name]) for name in names}
    for name in names:  # some follow from no other
        symbol.get_internals()[f"n_{name}"]._set_attr(__shape__=str(one.arrays[name].shape))
    shapes = [("data", one.arrays["data"].shape)]
    module = mx.mod.Module(mx.sym.MakeLoss(mx.sym.sum(symbol)), label_names=None)
    module.bind(shapes)
    module.init_params(arg_params=parameters)
    module.init_optimizer(optimizer="sgd", optimizer_params={"learning_rate": 0.01, "rescale_grad": 1.0, "wd": 0.0})
    module.forward_backward(mx.io.DataBatch([mx.nd.array(one.arrays["data"])]))
    module.update()
    one.out_grad[:] = 1
    gradients, updated = one.gradients(), module.get_params()[0]
    for name in names:
        expected = one.arrays[name] - 0.01 * 3 * gradients[name]
        np.testing.assert_allclose(updated[f"n_{name}"].asnumpy(), expected, rtol=1e-4, atol=1e-4)


def test_no_warning_of_a_deprecated_interface():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sym.DeformableConvolution(mx.sym.var("data"), lr_mult=2, **SIZES)
