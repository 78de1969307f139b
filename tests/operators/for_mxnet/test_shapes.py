# SPDX-License-Identifier: Apache-2.0
"""Shape and dtype inference, complete and partial, and shapes that Gluon defers to the first input."""

from __future__ import annotations

import mxnet as mx
import numpy as np
import pytest
from neighbours import MODES
from samples import OPERATORS, convolution, sample

from operators.for_mxnet import gluon, sym


@pytest.mark.parametrize("operator", OPERATORS)
def test_all_shapes_follow_from_data(operator):
    one = sample(operator)
    inputs, outputs, auxiliary = one.symbol().infer_shape(**one.known)
    assert inputs == [array.shape for array in one.arrays.values()]
    assert outputs == [one.out_grad.shape]
    assert auxiliary == []


@pytest.mark.parametrize("operator", ["DeformableConvolution", "ModulatedDeformableConvolution"])
def test_shapes_are_those_of_stock(operator):
    """Stock wants to be told the shapes of offset and mask; ours takes them too."""
    one = convolution(operator)
    stock = getattr(mx.sym.contrib, operator)(*(mx.sym.var(i) for i in one.arrays), **one.attributes)
    known = {name: one.arrays[name].shape for name in ("data", "offset", "mask") if name in one.arrays}
    assert one.symbol().infer_shape(**known) == stock.infer_shape(**known)


@pytest.mark.parametrize("operator", OPERATORS)
def test_without_data_only_the_number_of_dimensions_is_known(operator):
    one = sample(operator)
    known = {name: array.shape for name, array in one.arrays.items() if name != "data"}
    with pytest.warns(UserWarning, match="Cannot decide shape"):
        assert one.symbol().infer_shape(**known) == (None, None, None)
    # Of the data nothing: slice_axis, its guard, infers no shape backwards. 0 says unknown.
    assert one.symbol().infer_shape_partial(**known)[0] == [(), *known.values()]
    inputs, outputs, _ = one.symbol().infer_shape_partial()
    assert inputs == [(), *((0,) * array.ndim for name, array in one.arrays.items() if name != "data")]
    assert outputs == [(0, 0, 0, 0)]


def test_a_shape_that_becomes_known_later_in_the_graph():
    data = mx.sym.var("data")
    net = mx.sym.Group([sym.Shift(data, name="n"), data + mx.sym.var("other")])
    inputs = dict(zip(net.list_arguments(), net.infer_shape(other=(2, 3, 4, 5))[0]))
    assert inputs == {"data": (2, 3, 4, 5), "n_offset": (3, 2), "other": (2, 3, 4, 5)}


def test_a_batch_that_is_unknown_decides_nothing_yet():
    inputs, outputs, _ = convolution("ActiveConvolution").symbol().infer_shape_partial(data=(0, 4, 7, 6))
    assert inputs[0] == (0, 4, 7, 6)
    assert outputs == [(0, 0, 0, 0)]


def test_data_that_is_inferred_through_other_nodes():
    one = convolution("ActiveConvolution")
    data, other = mx.sym.var("data"), mx.sym.var("other")
    net = sym.ActiveConvolution(data + other, name="a", **one.attributes)
    net = sym.ActiveConvolution(net, kernel=(3, 3), num_filter=2, name="b")
    inputs = dict(zip(net.list_arguments(), net.infer_shape(other=(2, 4, 7, 9))[0]))
    assert inputs["data"] == (2, 4, 7, 9)
    assert inputs["b_weight"] == (2, 6, 3, 3)


def test_a_weight_that_is_computed_gets_its_shape():
    weight = mx.sym.var("w") * 2
    net = sym.ActiveConvolution(mx.sym.var("data"), weight=weight, kernel=(3, 3), num_filter=2, no_bias=True, name="n")
    inputs = dict(zip(net.list_arguments(), net.infer_shape(data=(1, 4, 8, 8))[0]))
    assert inputs["w"] == (2, 4, 3, 3)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("operator", OPERATORS)
def test_all_dtypes_follow_from_any_input(operator, dtype):
    symbol = sample(operator).symbol()
    for name in symbol.list_arguments():
        inputs, outputs, _ = symbol.infer_type(**{name: dtype})
        assert inputs == [dtype] * len(symbol.list_arguments())
        assert outputs == [dtype]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("operator", OPERATORS)
def test_results_in_both_dtypes(operator, dtype):
    one = sample(operator)
    arrays = one.ndarrays(dtype)
    for array in arrays.values():
        array.attach_grad()
    with mx.autograd.record():
        result = one.call(*arrays.values())
    result.backward(mx.nd.array(one.out_grad, dtype=dtype))
    assert result.dtype == np.dtype(dtype)
    tolerance = {"rtol": 1e-10, "atol": 1e-10} if dtype == "float64" else {"rtol": 1e-4, "atol": 2e-4}
    np.testing.assert_allclose(result.asnumpy(), one.output(), **tolerance)
    for name, gradient in one.gradients().items():
        assert arrays[name].grad.dtype == np.dtype(dtype)
        np.testing.assert_allclose(arrays[name].grad.asnumpy(), gradient, **tolerance, err_msg=name)


LAYERS = {
    "Shift": lambda: gluon.Shift(),
    "ActiveConvolution": lambda: gluon.ActiveConvolution(6, (3, 2), groups=2),
    "DeformableConvolution": lambda: gluon.DeformableConvolution(6, (3, 2), groups=2),
    "ModulatedDeformableConvolution": lambda: gluon.ModulatedDeformableConvolution(6, (3, 2)),
}


@pytest.mark.parametrize("mode", [mode for mode in MODES if mode != "bind"])
@pytest.mark.parametrize("operator", gluon.__all__)
def test_gluon_finds_out_the_channels(operator, mode):
    net = mx.gluon.nn.HybridSequential()
    net.add(LAYERS[operator](), mx.gluon.nn.Conv2D(2, 1))
    net.initialize()
    if MODES[mode] is not None:
        net.hybridize(**MODES[mode])
    assert net(mx.nd.ones((2, 4, 7, 6))).shape == ((2, 2, 7, 6) if operator == "Shift" else (2, 2, 5, 5))
    assert all(0 not in parameter.shape for parameter in net.collect_params().values())
    assert net(mx.nd.ones((3, 4, 9, 8))).shape[0] == 3  # another size, the same network


@pytest.mark.parametrize("images", [65, 128])
def test_any_batch(images):
    """Stock's modulated operator takes no batch of 65."""
    one = convolution("ModulatedDeformableConvolution", (images, 4, 4, 5))
    result = one.call(*one.ndarrays().values())
    np.testing.assert_allclose(result.asnumpy(), one.output(), rtol=1e-10, atol=1e-10)
    for image in (0, images - 1):
        alone = {k: v[image : image + 1] if k in ("data", "offset", "mask") else v for k, v in one.arrays.items()}
        np.testing.assert_allclose(one.output(**alone)[0], result[image].asnumpy(), rtol=1e-10, atol=1e-10)
