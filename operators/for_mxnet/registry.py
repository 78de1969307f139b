# SPDX-License-Identifier: Apache-2.0
"""Hands our compiled callbacks to MXNet's C operator registry. The only place that knows MXNet's C interface."""

from __future__ import annotations

import atexit
import ctypes
import functools
import os
import sys

from operators import library
from operators.extras import need


def _import_mxnet():
    if sys.version_info >= (3, 12):
        raise ImportError(f"MXNet 1.9.1 runs on Python 3.9 to 3.11, this is {sys.version.split()[0]}")
    need("mxnet", "mxnet")
    # MXNet reads the variable when it loads, and may otherwise use one core.
    os.environ.setdefault("OMP_NUM_THREADS", str(library.num_threads()))
    try:
        import mxnet
    except AttributeError as error:
        raise ImportError(
            f"MXNet could not be imported ({error}); MXNet 1.9.1 needs numpy < 1.24: pip install 'numpy<1.24'"
        ) from error
    return mxnet


mxnet = _import_mxnet()


@functools.cache
def register() -> None:
    """Registers every operator of the library with MXNet. Harmless when called again."""
    from mxnet.base import _LIB, check_call

    names = (
        "MXCustomOpRegister",
        "MXNDArrayGetData",
        "MXNDArrayGetShapeEx",
        "MXNDArrayGetDType",
        "MXNDArrayFree",
        "MXIsNumpyShape",
        "MXNDArrayGetContext",
    )
    functions = (ctypes.c_void_p * len(names))(*(library.address(getattr(_LIB, name)) for name in names))
    check_call(library.library().acn_mxnet_register(functions))
    # A hybridized network with updates still pending hangs in MXNet's own exit otherwise, and with custom operators
    # pending MXNet does not survive a fork.
    atexit.register(mxnet.nd.waitall)
    os.register_at_fork(before=mxnet.nd.waitall)
