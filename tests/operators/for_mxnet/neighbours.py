# SPDX-License-Identifier: Apache-2.0
"""Networks with real neighbours, Convolution -> operator -> Convolution, and the same steps made piece by piece.

The stock convolutions leave their results in oneDNN's blocked layout, for the operator's data as for every other input
of four dimensions that is no weight. Piece by piece means: a stock convolution, a wait, the compiled kernel on NumPy
arrays, the other stock convolution; so no array of MXNet meets an operator there, and this is also the test of the
guard. Run as a program, with an operator, a mode and a number of steps, it prints how many steps went wrong; the word
`unguarded` at the end takes the guard away first.
"""

from __future__ import annotations

import functools
import sys
from dataclasses import replace

import mxnet as mx
import numpy as np
from mxnet.gluon import HybridBlock, nn
from samples import sample_of, wide_case

from operators.checks.inputs import on_lines
from operators.for_mxnet import imperative, nd, sym, symbolic

MODES = {
    "imperative": None,
    "hybridize": {},
    "static_alloc": {"static_alloc": True},
    "static_shape": {"static_alloc": True, "static_shape": True},
    "bind": None,
}
LARGE = (1, 64, 128)  # images, rows and columns of a large map


@functools.cache
def wide_sample(operator: str, size: tuple = ()):
    """The operator at its widest; size : images, rows and columns instead of the case's."""
    case = wide_case(operator)
    if size:
        case = replace(case.with_batch(size[0]), data=(size[0], case.data[1], *size[1:]))
        if "rois" in case.given:
            # Four regions, so large that no draw keeps all their samples away from kinks.
            case = replace(case, given={name: (4, *shape[1:]) for name, shape in case.given.items()})
            return sample_of(case, on_lines)
    return sample_of(case)


def _comes_from_a_convolution(name: str, shape: tuple) -> bool:
    return len(shape) == 4 and name != "weight"


class Neighbours(HybridBlock):
    """The mean square of Convolution -> the operator, `consumers` times, summed -> Convolution."""

    def __init__(self, operator: str, consumers: int = 1, size: tuple = ()):
        super().__init__(prefix="net_")
        self.sample, self._consumers = wide_sample(operator, size), consumers
        (channels, *_), random = self.sample.arrays["data"].shape[1:], np.random.RandomState(3)
        with self.name_scope():
            self.before = nn.Conv2D(channels, 3, padding=1, in_channels=16, prefix="before_")
            self.after = nn.Conv2D(
                32, 3, padding=1, in_channels=self.sample.out_grad.shape[1], use_bias=False, prefix="after_"
            )
            self.names = [name for name in self.sample.arrays if name != "data"]
            for name in self.names:
                value = self.sample.arrays[name]
                if name == "weight":
                    value = random.randn(*value.shape) / np.sqrt(np.prod(value.shape[1:]))
                setattr(self, name, self.params.get(name, shape=value.shape, init=mx.init.Constant(mx.nd.array(value))))
                if _comes_from_a_convolution(name, value.shape):
                    same = np.eye(value.shape[1]).reshape(value.shape[1], value.shape[1], 1, 1)
                    same = mx.init.Constant(mx.nd.array(same))
                    branch = nn.Conv2D(value.shape[1], 1, use_bias=False, in_channels=value.shape[1],
                                       weight_initializer=same, prefix=f"branch_{name}_")  # fmt: skip
                    setattr(self, f"branch_{name}", branch)

    def hybrid_forward(self, F, x, **inputs):
        x = self.before(x)
        for name in self.names:
            if hasattr(self, f"branch_{name}"):
                inputs[name] = getattr(self, f"branch_{name}")(inputs[name])
        operator = getattr(nd if F is mx.nd else sym, self.sample.operator)
        given = [inputs[name] for name in self.names]
        results = [operator(x, *given, **self.sample.attributes) for _ in range(self._consumers)]
        return F.mean(F.square(self.after(sum(results[1:], results[0]))))

    def trained(self) -> list:
        """What is updated: the parameters of the stock convolutions around, and the operator's weight and bias."""
        names = [f"net_{name}" for name in ("after_weight", "before_bias", "before_weight", "bias", "weight")]
        return [self.collect_params()[name] for name in names if name in self.collect_params()]


def network(operator: str, mode: str = "imperative", consumers: int = 1, size: tuple = ()) -> Neighbours:
    """The network, always with the same parameters, ready to run in this mode."""
    net = Neighbours(operator, consumers, size)
    random = np.random.RandomState(5)
    net.initialize()
    for conv in (net.before, net.after):
        shape = conv.weight.shape
        conv.weight.set_data(mx.nd.array(random.randn(*shape) / np.sqrt(np.prod(shape[1:]))))
    if MODES[mode] is not None:
        net.hybridize(**MODES[mode])
    return net


def data(operator: str, size: tuple = ()) -> mx.nd.NDArray:
    images, _, height, width = wide_sample(operator, size).arrays["data"].shape
    return mx.nd.array(np.random.RandomState(4).randn(images, 16, height, width))


def _gluon_steps(net: Neighbours, x, steps: int):
    for _ in range(steps):
        with mx.autograd.record():
            loss = net(x)
        loss.backward()
        yield loss, [p.grad() for p in net.trained()]


def _bound_steps(net: Neighbours, x, steps: int):
    symbol = net(mx.sym.var("data"))
    parameters = net.collect_params()
    arrays = {name: x if name == "data" else parameters[name].data() for name in symbol.list_arguments()}
    grads = {name: mx.nd.zeros(array.shape) for name, array in arrays.items() if name != "data"}
    executor = symbol.bind(mx.cpu(), arrays, args_grad=grads)
    for _ in range(steps):
        (loss,) = executor.forward(is_train=True)
        executor.backward(mx.nd.ones(loss.shape))
        yield loss, [grads[p.name] for p in net.trained()]


def _piecewise_steps(net: Neighbours, x, steps: int):
    """The same, with the operator computed by its kernel on NumPy arrays."""
    kernel, times = net.sample.kernel(), net._consumers
    for _ in range(steps):
        given = [getattr(net, name).data().asnumpy() for name in net.names]
        with mx.autograd.record():
            before = net.before(x)
        inputs = [before.asnumpy(), *given]
        middle = mx.nd.array(times * kernel.forward(*inputs))
        middle.attach_grad()
        with mx.autograd.record():
            loss = mx.nd.mean(mx.nd.square(net.after(middle)))
        loss.backward()
        grads = dict(zip(("data", *net.names), kernel.backward(middle.grad.asnumpy(), *inputs)))
        before.backward(mx.nd.array(times * grads["data"]))
        own = {f"net_{name}": mx.nd.array(times * grad) for name, grad in grads.items()}
        yield loss, [own[p.name] if p.name in own else p.grad() for p in net.trained()]


_STEPS = {"bind": _bound_steps, "piecewise": _piecewise_steps}


def results(net: Neighbours, x, steps: int, mode: str) -> list:
    """Per step, without any wait in between: the loss and the gradients of the trained parameters."""
    run = _STEPS.get(mode, _gluon_steps)
    kept = [[array.copy() for array in (loss, *grads)] for loss, grads in run(net, x, steps)]
    return [[array.asnumpy() for array in step] for step in kept]


def inferences(net: Neighbours, x, count: int, mode: str) -> np.ndarray:
    """The losses of `count` passes outside training, without any wait in between."""
    if mode == "bind":
        symbol = net(mx.sym.var("data"))
        parameters = {p.name: p.data() for p in net.collect_params().values()}
        executor = symbol.bind(mx.cpu(), {"data": x, **parameters}, grad_req="null")
        losses = [executor.forward(is_train=False)[0].copy() for _ in range(count)]
    else:
        losses = [net(x) for _ in range(count)]
    return np.array([loss.asscalar() for loss in losses])


def train(net: Neighbours, x, steps: int, mode: str, learning_rate: float) -> tuple:
    """Updates what is trained, without any wait in between -> (the loss of every step, the last values)."""
    update = mx.optimizer.get_updater(mx.optimizer.SGD(learning_rate=learning_rate, momentum=0.9))
    losses = []
    for loss, grads in _STEPS.get(mode, _gluon_steps)(net, x, steps):
        losses.append(loss.copy())
        for index, (parameter, grad) in enumerate(zip(net.trained(), grads)):
            update(index, grad, parameter.data())
    return np.array([loss.asscalar() for loss in losses]), [p.data().asnumpy() for p in net.trained()]


@functools.cache
def expected_training(operator: str, steps: int, learning_rate: float, **sizes) -> tuple:
    """What `train` gives piece by piece."""
    return train(network(operator, **sizes), data(operator), steps, "piecewise", learning_rate)


@functools.cache
def expected_step(operator: str, **sizes) -> list:
    """The one step that is made again and again, as nothing is updated, piece by piece."""
    return results(network(operator, **sizes), data(operator, sizes.get("size", ())), 1, "piecewise")[0]


def wrong_steps(ours: list, expected: list) -> int:
    def differ(a, b):
        return not np.allclose(a, b, rtol=0, atol=1e-4 * np.abs(b).max())  # NaN differs too

    return sum(any(differ(a, b) for a, b in zip(step, expected)) for step in ours)


def count_wrong(operator: str, mode: str, steps: int, **sizes) -> int:
    """How many of the network's steps differ from those made piece by piece."""
    x = data(operator, sizes.get("size", ()))
    ours = results(network(operator, mode, **sizes), x, steps, mode)
    return wrong_steps(ours, expected_step(operator, **sizes))


def _take_guard_away():
    imperative.guarded_array = lambda array, out=None: array
    symbolic.guarded_data_symbol = symbolic.guarded_parameter_symbol = lambda symbol, name, hints: symbol


if __name__ == "__main__":
    operator_name, mode_name, number = sys.argv[1:4]
    if sys.argv[4:] == ["unguarded"]:
        _take_guard_away()
    print(count_wrong(operator_name, mode_name, int(number)))
