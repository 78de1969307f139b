# SPDX-License-Identifier: Apache-2.0
"""Every wrong argument raises an MXNetError with the node's name, what came and what was expected; nothing aborts."""

from __future__ import annotations

import mxnet as mx
import pytest
from samples import OPERATORS, sample
from wrong_calls import CALLS, NODE, check, right_call

from operators.for_mxnet import gluon, nd, sym


@pytest.mark.parametrize("name, front", CALLS, ids=[f"{name}-{front.__name__[-3:]}" for name, front in CALLS])
def test_the_error_says_it_and_the_next_call_is_right(name, front):
    check(name, front)
    right_call()


def test_all_of_them_in_one_process(run_program):
    assert run_program("wrong_calls.py").stdout.split()[-1] == str(len(CALLS))


@pytest.mark.parametrize("front", [nd, sym])
@pytest.mark.parametrize("operator", OPERATORS)
def test_too_many_positional_arguments(operator, front):
    one = sample(operator)
    arrays = [mx.nd.zeros(1) if front is nd else mx.sym.var("x")] * len(one.arrays)
    expected = f"Error in operator {NODE}: {operator}: at most {len(arrays)} positional arguments"
    with pytest.raises(mx.MXNetError, match=expected):
        getattr(front, operator)(*arrays, (3, 3), name=NODE)


def test_one_input_given_twice():
    data = mx.sym.var("data")
    with pytest.raises(mx.MXNetError, match=f"Error in operator {NODE}: Shift: data was given twice"):
        sym.Shift(data, data=data, name=NODE)


def test_without_a_name_the_operator_stands_for_the_node():
    with pytest.raises(mx.MXNetError, match="Error in operator shift: Shift: offset is missing"):
        nd.Shift(mx.nd.zeros((1, 2, 3, 4)))
    with mx.name.NameManager(), pytest.raises(mx.MXNetError, match="Error in operator shift0: Shift: unknown"):
        sym.Shift(mx.sym.var("data"), edge="zero")


def test_binding_names_the_node():
    symbol = sym.DeformableConvolution(mx.sym.var("data"), kernel=(3, 3), num_filter=4, name=NODE)
    expected = f"Error in operator {NODE}: DeformableConvolution: data must have 4 dimensions"
    with pytest.raises(RuntimeError, match=expected):  # MXNet turns simple_bind's errors into these
        symbol.simple_bind(mx.cpu(), data=(2, 4, 8))
    arrays = {name: mx.nd.zeros((2, 4, 8)) for name in symbol.list_arguments()}
    with pytest.raises(mx.MXNetError, match=expected):
        symbol.bind(mx.cpu(), arrays)


@pytest.mark.parametrize("hybrid", [False, True])
def test_a_layer_names_its_node(hybrid):
    net = gluon.ActiveConvolution(4, 3, in_channels=4, prefix="conv_")
    net.initialize()
    net.hybridize(hybrid)
    for shape, expected in (((2, 5, 8, 8), "weight must have shape"), ((2, 4, 2, 2), "the kernel does not fit")):
        with pytest.raises(mx.MXNetError, match=f"Error in operator conv_fwd: ActiveConvolution: {expected}"):
            net(mx.nd.zeros(shape))
    assert net(mx.nd.zeros((2, 4, 8, 8))).shape == (2, 4, 6, 6)


def test_a_wrong_attribute_in_a_saved_graph():
    text = sym.Shift(mx.sym.var("data"), boundary="border", name=NODE).tojson()
    assert '"boundary": "border"' in text
    with pytest.raises(mx.MXNetError, match="Shift: attribute 'boundary' must be one of .*, got 'edge'"):
        mx.sym.load_json(text.replace('"boundary": "border"', '"boundary": "edge"'))


def test_a_shape_error_while_recording_leaves_autograd_usable():
    x = mx.nd.ones((1, 2, 3, 4))
    x.attach_grad()
    with pytest.raises(mx.MXNetError, match="offset must have shape"), mx.autograd.record():
        nd.Shift(x, mx.nd.zeros((3, 2)))
    with mx.autograd.record():
        loss = nd.Shift(x, mx.nd.zeros((2, 2))).sum()
    loss.backward()
    assert (x.grad.asnumpy() == 1).all()
