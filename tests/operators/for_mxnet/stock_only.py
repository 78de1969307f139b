# SPDX-License-Identifier: Apache-2.0
"""Program: runs a checkpoint in a process that has stock MXNet only; prints the largest error."""

from __future__ import annotations

import sys

import mxnet as mx
import numpy as np

folder = sys.argv[1]
(x,), (expected,) = (mx.nd.load(f"{folder}/{name}.nd") for name in ("data", "result"))
symbol, arguments, auxiliary = mx.model.load_checkpoint(f"{folder}/net", 2)
module = mx.mod.Module(symbol, label_names=["loss_label"])
module.bind([("data", x.shape)], for_training=False)
module.set_params(arguments, auxiliary)
module.forward(mx.io.DataBatch([x]), is_train=False)
result = module.get_outputs()[0].asnumpy()
assert not any(name.startswith("operators") for name in sys.modules)
print(np.abs(result - expected.asnumpy()).max())
