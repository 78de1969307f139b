# SPDX-License-Identifier: Apache-2.0
"""The operators in stock MXNet: ``nd.X``, ``sym.X``, ``gluon.X`` and ``install()``.

Importing this package registers the operators, so that saved graphs that contain them load.
"""

from operators.for_mxnet import registry  # noqa: I001  (registers; must come first)
from operators.for_mxnet import gluon, nd, sym
from operators.for_mxnet.install import install

registry.register()

__all__ = ["gluon", "install", "nd", "sym"]
