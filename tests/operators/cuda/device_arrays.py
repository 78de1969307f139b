# SPDX-License-Identifier: Apache-2.0
"""Calls a library with the interface of core/contract/cuda_api.h on NumPy arrays: the host build of the kernels."""

from __future__ import annotations

import ctypes

import numpy as np

from operators import library
from operators.for_numpy import Operator

REQS = {"null": 0, "write": 1, "add": 2}
CODES = {"float32": 0, "float64": 1, "float16": 2, "bfloat16": 3}
ALIGN = 256


class View(ctypes.Structure):
    """acn_tensor"""

    _fields_ = [
        ("data", ctypes.c_void_p),
        ("dtype", ctypes.c_int32),
        ("ndim", ctypes.c_int32),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
    ]


def to_storage(values, dtype: str):
    """An array as the kernels store it; bfloat16 as uint16, for NumPy has none. Rounds to even."""
    if dtype != "bfloat16":
        with np.errstate(over="ignore"):
            return np.ascontiguousarray(values, dtype)
    values = np.ascontiguousarray(values, np.float32)
    bits = values.view(np.uint32).astype(np.uint64)
    rounded = ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16).astype(np.uint16)
    return np.where(np.isnan(values), np.uint16(0x7FC0), rounded)


def from_storage(array, dtype: str):
    """float64 values of an array that the kernels stored."""
    if dtype == "bfloat16":
        array = (array.astype(np.uint32) << 16).view(np.float32)
    return array.astype(np.float64)


def _views(arrays, dtype):
    kept = [np.array(a.shape, np.int64) for a in arrays]
    views = (View * len(arrays))()
    for view, array, shape in zip(views, arrays, kept):
        assert array.flags.c_contiguous
        view.data, view.dtype, view.ndim = array.ctypes.data, CODES[dtype], array.ndim
        view.shape = shape.ctypes.data_as(ctypes.POINTER(ctypes.c_int64))
    return views, kept


class CudaOperator:
    """One configured operator in a library `lib`; arrays are in storage form, gradients in the order of `inputs`."""

    def __init__(self, lib, name: str, dtype: str, **attributes):
        self.lib, self.dtype, self.shapes = lib, dtype, Operator(name, **attributes).shapes
        texts = {key: library.attribute_text(value).encode() for key, value in attributes.items()}
        self.inputs = library.inputs_for(name, {key: text.decode() for key, text in texts.items()})
        keys = (ctypes.c_char_p * len(texts))(*(key.encode() for key in texts))
        values = (ctypes.c_char_p * len(texts))(*texts.values())
        self.handle = ctypes.c_void_p()
        assert not library.library().acn_create(name.encode(), len(texts), keys, values, ctypes.byref(self.handle))

    def __del__(self):
        library.library().acn_free(self.handle)

    def check(self, status):
        if status:
            raise library.OperatorError(self.lib.acn_cuda_last_error().decode())

    def workspace_bytes(self, arrays, backward: bool, deterministic: bool = False) -> int:
        views, _kept = _views(arrays, self.dtype)
        count = ctypes.c_int64()
        self.check(
            self.lib.acn_cuda_workspace_bytes(
                self.handle, len(arrays), views, int(backward), int(deterministic), ctypes.byref(count)
            )
        )
        return count.value

    def _workspace(self, arrays, backward, deterministic=False):
        """Exactly as many bytes as are asked for, full of NaN, with a guard behind them."""
        size = self.workspace_bytes(arrays, backward, deterministic)
        memory = np.full(size + 2 * ALIGN, 0xFF, np.uint8)
        start = -memory.ctypes.data % ALIGN
        return memory, start, size

    def forward(self, *arrays, out, req="write", device=0):
        inputs, _kept = _views(arrays, self.dtype)
        output, _kept_out = _views([out], self.dtype)
        memory, start, size = self._workspace(arrays, False)
        place = memory.ctypes.data + start, size, device, None
        self.check(self.lib.acn_cuda_forward(self.handle, len(arrays), inputs, REQS[req], output, *place))
        assert (memory[:start] == 0xFF).all() and (memory[start + size :] == 0xFF).all()
        return out

    def backward(self, out_grad, *arrays, grads, reqs, deterministic=False, device=0):
        inputs, _kept = _views(arrays, self.dtype)
        head, _kept_head = _views([out_grad], self.dtype)
        results, _kept_grads = _views(grads, self.dtype)
        codes = (ctypes.c_int32 * len(reqs))(*(REQS[req] for req in reqs))
        for view, req in zip(results, reqs):
            if req == "null":
                view.data = None  # must not be touched
        memory, start, size = self._workspace(arrays, True, deterministic)
        place = memory.ctypes.data + start, size, device, None
        self.check(
            self.lib.acn_cuda_backward(
                self.handle, head, len(arrays), inputs, codes, results, int(deterministic), *place
            )
        )
        assert (memory[:start] == 0xFF).all() and (memory[start + size :] == 0xFF).all()
        return grads
