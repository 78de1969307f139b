# SPDX-License-Identifier: Apache-2.0
"""The operations of the networks in PyTorch, and the training loop."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from operators.for_torch import deform_conv2d


def convolution(x, weight, bias=None):
    return F.conv2d(x, weight, bias, padding=1)


def deformable(x, offset, weight):
    return deform_conv2d(x, offset, weight, padding=1, boundary="inside")


def relu(x):
    return torch.relu(x)


def batch_norm(x, gamma, beta):
    return F.batch_norm(x, None, None, gamma, beta, training=True, eps=1e-5)


def mean(x):
    return x.mean((2, 3))


def linear(x, weight, bias):
    return F.linear(x, weight, bias)


def square_error(output, target):
    return ((output - target) ** 2).mean()


def cross_entropy(output, target):
    return F.cross_entropy(output, target)


def train(problem) -> list:
    """The loss before each step."""
    import examples.two_frameworks.in_torch as operations

    parameters = {name: torch.tensor(value, requires_grad=True) for name, value in problem.start.items()}
    optimizer = torch.optim.SGD(parameters.values(), lr=problem.lr, momentum=problem.momentum)
    losses = []
    for x, target in problem.batches:
        output = problem.network(operations, parameters, torch.tensor(x))
        loss = getattr(operations, problem.loss)(output, torch.tensor(target))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses
