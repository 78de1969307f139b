# SPDX-License-Identifier: Apache-2.0
"""Program: loads the graph and parameters that another process saved, in the way named; prints the largest error."""

from __future__ import annotations

import importlib
import sys

import mxnet as mx
import numpy as np

how, folder = sys.argv[1:3]
if how != "no import":
    importlib.import_module("operators.for_mxnet")  # all that a program needs to load such a graph

x = mx.nd.load(f"{folder}/data.nd")[0]
if how == "Module":
    symbol, arguments, auxiliary = mx.model.load_checkpoint(f"{folder}/net", 0)
    module = mx.mod.Module(symbol, label_names=None)
    module.bind([("data", x.shape)], for_training=True)
    module.set_params(arguments, auxiliary)
    module.forward(mx.io.DataBatch([x]))
    module.backward([mx.nd.ones(module.get_outputs()[0].shape)])
    result = module.get_outputs()[0]
elif how == "SymbolBlock":
    result = mx.gluon.SymbolBlock.imports(f"{folder}/net-symbol.json", ["data"], f"{folder}/net-0000.params")(x)
else:
    symbol = mx.sym.load(f"{folder}/net-symbol.json")
    parameters = {name.split(":", 1)[1]: array for name, array in mx.nd.load(f"{folder}/net-0000.params").items()}
    (result,) = symbol.bind(mx.cpu(), {"data": x, **parameters}).forward()
print(np.abs(result.asnumpy() - mx.nd.load(f"{folder}/result.nd")[0].asnumpy()).max())
