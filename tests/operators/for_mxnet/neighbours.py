# SPDX-License-Identifier: Apache-2.0
"""Networks with real neighbours, Convolution -> operator -> Convolution, of our operators and of stock ones.

At zero offset (and mask 1) each of our convolutions is an ordinary one, and Shift does nothing, so the two networks
must agree in every loss and every gradient of every step. The stock convolutions leave their results in oneDNN's
blocked layout, so this is also the test of the guard: run as a program, with an operator, a mode and a number of steps,
it prints how many steps went wrong; the word `unguarded` at the end takes the guard away first.
"""

from __future__ import annotations

import functools
import sys

import mxnet as mx
import numpy as np
from mxnet.gluon import HybridBlock, nn

from operators.for_mxnet import gluon, nd, sym

OPERATORS = ("Shift", "ActiveConvolution", "DeformableConvolution", "ModulatedDeformableConvolution")
MODES = {
    "imperative": None,
    "hybridize": {},
    "static_alloc": {"static_alloc": True},
    "static_shape": {"static_alloc": True, "static_shape": True},
    "bind": None,
}


class Neighbours(HybridBlock):
    """The mean square of Convolution(width) -> the operator, `consumers` times, summed -> Convolution(32)."""

    def __init__(self, operator: str, ours: bool, width: int = 64, consumers: int = 1):
        super().__init__(prefix="net_")
        self._consumers = consumers
        conv = {"channels": 64, "kernel_size": 3, "padding": 1, "in_channels": width, "use_bias": False}
        if ours:
            conv["offset_lr_mult"] = 0  # offsets get gradients, but stay 0
        with self.name_scope():
            self.before = nn.Conv2D(width, 3, padding=1, in_channels=16, prefix="before_")
            if operator != "Shift":
                layer = getattr(gluon, operator) if ours else nn.Conv2D
                self.middle = layer(**conv, prefix="middle_")
            elif ours:
                self.middle = gluon.Shift(width, offset_initializer="zeros", offset_lr_mult=0, prefix="middle_")
            else:
                self.middle = nn.HybridLambda(lambda F, x: x)
            self.after = nn.Conv2D(32, 3, padding=1, in_channels=width if operator == "Shift" else 64, prefix="after_")

    def hybrid_forward(self, F, x):
        x = self.before(x)
        x = sum((self.middle(x) for _ in range(1, self._consumers)), self.middle(x))
        return F.mean(F.square(self.after(x)))

    def common(self) -> list:
        """The parameters that both networks have, in one order."""
        return [p for name, p in sorted(self.collect_params().items()) if "offset" not in name]


def network(operator: str, ours: bool, mode: str = "imperative", **sizes) -> Neighbours:
    """The network with the same weights for both kinds, ready to run in this mode."""
    net = Neighbours(operator, ours, **sizes)
    net.initialize()
    random = np.random.RandomState(3)
    for parameter in net.common():
        scale = np.sqrt(np.prod(parameter.shape[1:]))
        parameter.set_data(mx.nd.array(random.randn(*parameter.shape) / scale))
    if MODES[mode] is not None:
        net.hybridize(**MODES[mode])
    return net


def data(shape: tuple) -> mx.nd.NDArray:
    return mx.nd.array(np.random.RandomState(4).randn(*shape))


def _gluon_steps(net: Neighbours, x, steps: int):
    for _ in range(steps):
        with mx.autograd.record():
            loss = net(x)
        loss.backward()
        yield loss, [p.grad() for p in net.common()]


def _bound_steps(net: Neighbours, x, steps: int):
    symbol = net(mx.sym.var("data"))
    parameters = net.collect_params()
    arrays = {name: x if name == "data" else parameters[name].data() for name in symbol.list_arguments()}
    grads = {name: mx.nd.zeros(array.shape) for name, array in arrays.items() if name != "data"}
    executor = symbol.bind(mx.cpu(), arrays, args_grad=grads)
    for _ in range(steps):
        (loss,) = executor.forward(is_train=True)
        executor.backward(mx.nd.ones(loss.shape))
        yield loss, [grads[p.name] for p in net.common()]


def inferences(net: Neighbours, x, count: int, mode: str) -> np.ndarray:
    """The losses of `count` passes outside training, without any wait in between."""
    if mode == "bind":
        symbol = net(mx.sym.var("data"))
        arrays = {"data": x, **{name: parameter.data() for name, parameter in net.collect_params().items()}}
        executor = symbol.bind(mx.cpu(), arrays, grad_req="null")
        losses = [executor.forward(is_train=False)[0].copy() for _ in range(count)]
    else:
        losses = [net(x) for _ in range(count)]
    return np.array([loss.asscalar() for loss in losses])


def results(net: Neighbours, x, steps: int, mode: str) -> list:
    """Per step, without any wait in between: the loss and the gradients of the common parameters."""
    run = _bound_steps if mode == "bind" else _gluon_steps
    kept = [[array.copy() for array in (loss, *grads)] for loss, grads in run(net, x, steps)]
    return [[array.asnumpy() for array in step] for step in kept]


def train(net: Neighbours, x, steps: int, mode: str, learning_rate: float) -> tuple:
    """Updates the weights `steps` times without any wait in between -> (the loss of every step, the last weights)."""
    settings = {"learning_rate": learning_rate, "momentum": 0.9}
    trainer = mx.gluon.Trainer(net.collect_params(), "sgd", settings)
    update = mx.optimizer.get_updater(mx.optimizer.SGD(**settings))
    run = _bound_steps if mode == "bind" else _gluon_steps
    losses = []
    for loss, grads in run(net, x, steps):
        losses.append(loss.copy())
        if mode == "bind":  # Trainer knows only the gradients of autograd
            for index, (parameter, grad) in enumerate(zip(net.common(), grads)):
                update(index, grad, parameter.data())
        else:
            trainer.step(1)
    return np.array([loss.asscalar() for loss in losses]), [p.data().asnumpy() for p in net.common()]


@functools.cache
def stock_training(operator: str, shape: tuple, steps: int, learning_rate: float, **sizes) -> tuple:
    """What `train` gives for the network of stock operators."""
    return train(network(operator, False, **sizes), data(shape), steps, "imperative", learning_rate)


@functools.cache
def stock_step(operator: str, shape: tuple, **sizes) -> list:
    """The one step that the network of stock operators makes again and again, as nothing is updated."""
    return results(network(operator, False, **sizes), data(shape), 1, "imperative")[0]


def wrong_steps(ours: list, stock: list) -> int:
    def differ(a, b):
        return not np.allclose(a, b, rtol=0, atol=1e-4 * np.abs(b).max())  # NaN differs too

    return sum(any(differ(a, b) for a, b in zip(step, stock)) for step in ours)


def count_wrong(operator: str, mode: str, steps: int, shape: tuple = (1, 16, 8, 10), **sizes) -> int:
    """How many of our network's steps differ from stock's."""
    ours = results(network(operator, True, mode, **sizes), data(shape), steps, mode)
    return wrong_steps(ours, stock_step(operator, shape, **sizes))


def _take_guard_away():
    nd.guarded_array = lambda array, out=None: array
    sym.guarded_data_symbol = sym.guarded_parameter_symbol = lambda symbol, name, hints: symbol


if __name__ == "__main__":
    operator_name, mode_name, number = sys.argv[1:4]
    if sys.argv[4:] == ["unguarded"]:
        _take_guard_away()
    print(count_wrong(operator_name, mode_name, int(number)))
