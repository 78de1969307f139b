# SPDX-License-Identifier: Apache-2.0
"""More than one device: two CPU contexts, which MXNet treats as it treats two GPUs."""

from __future__ import annotations

import mxnet as mx
import numpy as np
import pytest
from samples import OPERATORS, convolution, sample

from operators.for_mxnet import gluon, sym

TWO = [mx.cpu(0), mx.cpu(1)]


@pytest.mark.parametrize("operator", OPERATORS)
def test_an_operator_runs_where_its_arrays_are(operator):
    one = sample(operator)
    arrays = [array.as_in_context(mx.cpu(1)) for array in one.ndarrays().values()]
    result = one.call(*arrays)
    assert result.context == mx.cpu(1)
    np.testing.assert_allclose(result.asnumpy(), one.output(), rtol=1e-10, atol=1e-10)


def test_ctx_group_places_the_operator_and_its_variables():
    one = convolution("ActiveConvolution")
    with mx.AttrScope(ctx_group="here"):
        data = mx.sym.identity(mx.sym.var("data"))
    with mx.AttrScope(ctx_group="there"):
        symbol = sym.ActiveConvolution(data, name="n", **one.attributes)
    groups = {"here": mx.cpu(0), "there": mx.cpu(1)}
    executor = symbol.simple_bind(mx.cpu(0), group2ctx=groups, data=one.arrays["data"].shape)
    assert executor.arg_dict["n_weight"].context == mx.cpu(1)
    executor.copy_params_from({f"n_{k}" if k != "data" else k: mx.nd.array(v) for k, v in one.arrays.items()})
    result = executor.forward(is_train=True)[0]
    executor.backward(mx.nd.array(one.out_grad))
    np.testing.assert_allclose(result.asnumpy(), one.output(), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(executor.grad_dict["data"].asnumpy(), one.gradients()["data"], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("static", [False, True])
def test_data_parallel_training_is_that_of_one_device(static):
    def train(devices: list) -> list:
        net = gluon.DeformableConvolution(8, 3, padding=1, in_channels=4, prefix="n_")
        net.initialize(mx.init.One(), ctx=devices)
        net.offset_bias.set_data(0.3 * mx.nd.ones((18,)))
        net.hybridize(static_alloc=static, static_shape=static)
        trainer = mx.gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 1e-4}, kvstore="device")
        x = mx.nd.array(np.random.RandomState(2).randn(4, 4, 12, 10))
        for _ in range(5):
            with mx.autograd.record():
                losses = [net(part).square().sum() for part in mx.gluon.utils.split_and_load(x, devices)]
            mx.autograd.backward(losses)
            trainer.step(4)
        return [parameter.data(devices[-1]).asnumpy() for parameter in net.collect_params().values()]

    for alone, together in zip(train(TWO[:1]), train(TWO)):
        np.testing.assert_allclose(together, alone, rtol=1e-4, atol=1e-5)


def test_a_module_on_two_devices():
    one = convolution("ActiveConvolution", (4, 4, 7, 6))
    symbol = mx.sym.MakeLoss(mx.sym.sum(sym.ActiveConvolution(mx.sym.var("data"), name="n", **one.attributes)))
    parameters = {f"n_{name}": mx.nd.array(array) for name, array in one.arrays.items() if name != "data"}
    module = mx.mod.Module(symbol, label_names=None, context=TWO)
    module.bind([("data", one.arrays["data"].shape)])
    module.init_params(arg_params=parameters)
    module.init_optimizer(optimizer_params={"learning_rate": 0.01, "rescale_grad": 1.0, "wd": 0.0})
    module.forward_backward(mx.io.DataBatch([mx.nd.array(one.arrays["data"])]))
    module.update()
    one.out_grad[:] = 1
    offset = module.get_params()[0]["n_offset"].asnumpy()
    expected = one.arrays["offset"] - 0.01 * one.gradients()["offset"]
    np.testing.assert_allclose(offset, expected, rtol=1e-4, atol=1e-4)
