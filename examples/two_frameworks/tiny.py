# SPDX-License-Identifier: Apache-2.0
"""One deformable convolution and the convolution that computes its offsets, on one map of 4 x 5, with a square loss."""

from __future__ import annotations

import mxnet as mx
import numpy as np

from examples.two_frameworks.problem import Problem
from lib.run.rules import Rule
from lib.run.task import Batch, Network
from operators.for_mxnet import sym

SHAPE = (1, 1, 4, 5)


def problem(steps: int, seed: int = 1) -> Problem:
    random = np.random.default_rng(seed)
    batch = {name: random.uniform(0, 1, SHAPE).astype(np.float32) for name in ("data", "target")}
    kernel = {"kernel": (3, 3), "pad": (1, 1), "no_bias": True}
    data = mx.sym.var("data")
    offset = mx.sym.Convolution(data, name="offset", num_filter=18, **kernel)
    output = sym.DeformableConvolution(data=data, offset=offset, num_filter=1, name="conv", **kernel)
    # MXNet divides the gradient by the 20 numbers of a map; that of a mean of squares is twice as large.
    loss = mx.sym.LinearRegressionOutput(output, mx.sym.var("target"), grad_scale=2, name="loss")
    rules = {name: Rule(1.0, 0.0, "write", "normal(0.3)", False) for name in ("offset_weight", "conv_weight")}
    network = Network(loss.tojson(), {"data": SHAPE, "target": SHAPE}, rules, seed)
    return Problem(network, [batch] * steps, square_error, 0.1)


def square_error(output: np.ndarray, batch: Batch) -> float:
    """A mean over the map."""
    return float(((output - batch["target"]) ** 2).mean())
