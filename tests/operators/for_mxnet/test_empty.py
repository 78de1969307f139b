# SPDX-License-Identifier: Apache-2.0
"""Empty batches, which MXNet has under numpy shapes only."""

from __future__ import annotations

import mxnet as mx
import numpy as np
import pytest
from neighbours import MODES
from samples import OPERATORS, sample, sample_of, small_case

from operators.for_mxnet import gluon


@pytest.fixture(autouse=True)
def numpy_shapes():
    with mx.util.np_shape(True):
        yield


@pytest.mark.parametrize("operator", OPERATORS)
def test_forward_and_backward_of_no_image(operator):
    one = sample_of(small_case(operator).with_batch(0))
    arrays = one.ndarrays()
    for array in arrays.values():
        array.attach_grad()
        if array.size:
            array.grad[:] = 7  # what is there must be overwritten: the sum over no image is 0
    with mx.autograd.record():
        result = one.call(*arrays.values())
    result.backward()
    assert result.shape == one.out_grad.shape
    assert result.shape[0] == 0
    for name, array in arrays.items():
        np.testing.assert_array_equal(array.grad.asnumpy(), np.zeros(array.shape), err_msg=name)


@pytest.mark.parametrize("operator", OPERATORS)
def test_an_empty_batch_in_a_bound_symbol(operator):
    one = sample_of(small_case(operator).with_batch(0))
    assert one.symbol().infer_shape(**one.known)[1] == [one.out_grad.shape]
    executor = one.symbol().simple_bind(mx.cpu(), **one.known)
    assert executor.forward(is_train=True)[0].shape == one.out_grad.shape
    executor.backward(mx.nd.zeros(one.out_grad.shape))
    mx.nd.waitall()


@pytest.mark.parametrize("mode", [mode for mode in MODES if mode != "bind"])
def test_a_layer_takes_batches_of_0_and_of_2(mode):
    """ActiveConvolution, for the stock convolution that computes the others' offsets takes no empty batch."""
    net = gluon.ActiveConvolution(6, 3, padding=1, in_channels=4)
    net.initialize()
    if MODES[mode] is not None:
        net.hybridize(**MODES[mode])
    for images in (2, 0, 2):
        assert net(mx.nd.ones((images, 4, 7, 6))).asnumpy().shape == (images, 6, 7, 6)


@pytest.mark.parametrize("operator", OPERATORS)
def test_unknown_shapes_under_numpy_shapes(operator):
    """Here -1 says unknown, and 0 is a size."""
    one = sample(operator)
    unknown = (-1, *one.arrays["data"].shape[1:])
    inputs, outputs, _ = one.symbol().infer_shape_partial(data=unknown)
    assert inputs[0] == unknown
    assert outputs == [(-1, -1, -1, -1)]
    inputs, outputs, _ = one.symbol().infer_shape(**one.known)
    assert inputs == [array.shape for array in one.arrays.values()]
    assert outputs == [one.out_grad.shape]


@pytest.mark.parametrize("axis", [1, 2, 3])
@pytest.mark.parametrize("operator", OPERATORS)
def test_only_the_batch_may_be_empty(operator, axis):
    one = sample(operator)
    shape = tuple(0 if i == axis else size for i, size in enumerate(one.arrays["data"].shape))
    with pytest.raises(mx.MXNetError, match="data must have"):
        one.call(mx.nd.zeros(shape, dtype="float64"), *list(one.ndarrays().values())[1:])
