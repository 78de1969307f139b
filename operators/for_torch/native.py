# SPDX-License-Identifier: Apache-2.0
"""Calls into the compiled library with the addresses and shapes of tensors: no compiler, no link to torch.

A `Plan` holds all that depends on shapes, dtype and attributes alone, so that a call has only to fill in addresses.
"""

from __future__ import annotations

import ctypes
import functools
import struct
from dataclasses import dataclass

from operators import library
from operators.library import OperatorError

MAX_NDIM = 8
WRITE = 1
_TENSOR = "Qiiq"  # acn_tensor of core/c_api.h: address, dtype, ndim, address of the shape
_POINTER, _INT, _BYTES = ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p


def bind(lib: ctypes.CDLL, name: str, *arguments):
    """A function of the library with argument types of its own; returns a C int, and Python runs on meanwhile."""
    return ctypes.CFUNCTYPE(_INT, *arguments)((name, lib))


@functools.cache
def functions() -> dict:
    """The functions of core/c_api.h that are called here. Tensor lists are passed as packed bytes."""
    lib = library.library()
    return {
        "forward": bind(lib, "acn_forward", _POINTER, _INT, _BYTES, ctypes.c_int32, _BYTES),
        "backward": bind(lib, "acn_backward", _POINTER, _BYTES, _INT, _BYTES, _BYTES, _BYTES),
        "infer": bind(lib, "acn_infer_shapes", _POINTER, _INT, _POINTER, _POINTER, _POINTER, _POINTER),
    }


class Handle:
    """A configured operator of the library, freed with the object."""

    def __init__(self, name: str, attributes: dict):
        lib, self.address = library.library(), ctypes.c_void_p()
        texts = {key: library.attribute_text(value) for key, value in attributes.items()}
        keys = (_BYTES * len(texts))(*(key.encode() for key in texts))
        values = (_BYTES * len(texts))(*(text.encode() for text in texts.values()))
        if lib.acn_create(name.encode(), len(texts), keys, values, ctypes.byref(self.address)):
            raise OperatorError(lib.acn_last_error().decode())
        self._free = lib.acn_free

    def __del__(self):
        if getattr(self, "_free", None) and self.address:
            self._free(self.address)

    def output_shape(self, shapes: tuple) -> tuple:
        """The shape of the output. Raises OperatorError if an input's shape is wrong."""
        lib, count = library.library(), len(shapes)
        ndims = (ctypes.c_int32 * count)(*(len(shape) for shape in shapes))
        sizes = (ctypes.c_int64 * (count * MAX_NDIM))()
        for i, shape in enumerate(shapes):
            sizes[i * MAX_NDIM : i * MAX_NDIM + len(shape)] = shape
        out_ndim, out = ctypes.c_int32(), (ctypes.c_int64 * MAX_NDIM)()
        if functions()["infer"](self.address, count, ndims, sizes, ctypes.byref(out_ndim), out):
            raise OperatorError(lib.acn_last_error().decode())
        return tuple(out[: out_ndim.value])


@dataclass(frozen=True)
class Plan:
    """An operator at given shapes and dtype.

    present : of the torch operator's tensors, the numbers of those that it has here, in the library's order
    head, tail : fixed parts of every acn_tensor: (dtype, ndim, address of the shape) of inputs and output
    """

    handle: Handle
    present: tuple
    output_shape: tuple
    inputs: tuple
    output: tuple
    layout: struct.Struct
    keep: tuple  # the ctypes arrays that the addresses point to

    def pack(self, addresses) -> bytes:
        """The acn_tensor list of the inputs, or of their gradients, at these addresses."""
        flat: list[int] = []
        for address, fixed in zip(addresses, self.inputs):
            flat += (address, *fixed)
        return self.layout.pack(*flat)

    def pack_output(self, address: int) -> bytes:
        return _ONE.pack(address, *self.output)


_ONE = struct.Struct(_TENSOR)


def make_plan(handle: Handle, present: tuple, shapes: tuple, dtype_code: int) -> Plan:
    """Raises OperatorError, in the library's words, if the shapes do not fit."""
    for shape in shapes:
        if len(shape) > MAX_NDIM:
            raise OperatorError(f"tensors of at most {MAX_NDIM} dimensions are taken, got shape {shape}")
    output_shape = handle.output_shape(shapes)
    arrays = tuple((ctypes.c_int64 * max(len(shape), 1))(*shape) for shape in (*shapes, output_shape))
    fixed = [(dtype_code, len(shape), ctypes.addressof(array)) for shape, array in zip((*shapes, output_shape), arrays)]
    return Plan(
        handle=handle,
        present=present,
        output_shape=output_shape,
        inputs=tuple(fixed[:-1]),
        output=fixed[-1],
        layout=struct.Struct(_TENSOR * len(shapes)),
        keep=arrays,
    )
