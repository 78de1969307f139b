# SPDX-License-Identifier: Apache-2.0
"""The operations of the networks in MXNet, and the training loop."""

from __future__ import annotations

from operators.for_mxnet import nd

import mxnet as mx  # isort: skip


def _filters(weight, **more):
    return {"kernel": (3, 3), "pad": (1, 1), "num_filter": weight.shape[0], **more}


def convolution(x, weight, bias=None):
    return mx.nd.Convolution(x, weight, bias, no_bias=bias is None, **_filters(weight))


def deformable(x, offset, weight):
    return nd.DeformableConvolution(x, offset, weight, no_bias=True, **_filters(weight))


def relu(x):
    return mx.nd.relu(x)


def batch_norm(x, gamma, beta):
    moving = [mx.nd.zeros_like(gamma), mx.nd.ones_like(gamma)]
    return mx.nd.BatchNorm(x, gamma, beta, *moving, fix_gamma=False, eps=1e-5)


def mean(x):
    return x.mean(axis=(2, 3))


def linear(x, weight, bias):
    return mx.nd.FullyConnected(x, weight, bias, num_hidden=weight.shape[0])


def square_error(output, target):
    return ((output - target) ** 2).mean()


def cross_entropy(output, target):
    return -mx.nd.pick(mx.nd.log_softmax(output, axis=1), target, axis=1).mean()


def _array(values):
    return mx.nd.array(values, dtype=values.dtype)


def train(problem) -> list:
    """The loss before each step."""
    import examples.two_frameworks.in_mxnet as operations

    parameters = {name: _array(value) for name, value in problem.start.items()}
    for parameter in parameters.values():
        parameter.attach_grad()
    sgd = mx.optimizer.SGD(learning_rate=problem.lr, momentum=problem.momentum, wd=0)
    update, losses = mx.optimizer.get_updater(sgd), []
    for x, target in problem.batches:
        with mx.autograd.record():
            output = problem.network(operations, parameters, _array(x))
            loss = getattr(operations, problem.loss)(output, _array(target))
        loss.backward()
        for number, parameter in enumerate(parameters.values()):
            update(number, parameter.grad, parameter)
        losses.append(float(loss.asscalar()))
    return losses
