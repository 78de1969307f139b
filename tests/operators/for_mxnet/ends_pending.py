# SPDX-License-Identifier: Apache-2.0
"""Program: trains without ever waiting and ends with the updates pending, in the way that the second argument names."""

from __future__ import annotations

import os
import sys

import mxnet as mx
from neighbours import data, network

mode, end = sys.argv[1:3]
net, x = network("DeformableConvolution", mode), data("DeformableConvolution")
trainer = mx.gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.01, "momentum": 0.9})
for _ in range(40):
    with mx.autograd.record():
        loss = net(x)
    loss.backward()
    trainer.step(1)
if end == "sys.exit":
    sys.exit(3)
if end == "exception":
    raise RuntimeError("the end")
if end == "os._exit":
    os._exit(4)
