# SPDX-License-Identifier: Apache-2.0
"""The operators in stock MXNet: ``nd.X``, ``sym.X``, ``gluon.X``, ``install()``, ``from_stock()`` and ``to_stock()``.

Importing this package registers the operators, so that saved graphs that contain them load.
"""

from operators.for_mxnet import registry  # noqa: I001  (registers; must come first)
from operators.for_mxnet import gluon, nd, sym
from operators.for_mxnet.install import install
from operators.for_mxnet.stock import from_stock, to_stock

registry.register()

__all__ = ["from_stock", "gluon", "install", "nd", "sym", "to_stock"]
