# SPDX-License-Identifier: Apache-2.0
"""Loads the compiled kernels. Every front end goes through here; none is imported here."""

from __future__ import annotations

import ctypes
import functools
import json
import os
from dataclasses import dataclass

LIBRARY_PATH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "core", "libactive_convnets.so")
CUDA_LIBRARY_PATH = os.path.join(os.path.dirname(LIBRARY_PATH), "libactive_convnets_cuda.so")


MOST_THREADS = 1024  # as in core/runtime/threads.h


class OperatorError(ValueError, RuntimeError):
    """An argument is wrong; the text names the operator, the argument, what came and what was expected.

    Callers of other frameworks catch either of its two kinds.
    """


@functools.cache
def library() -> ctypes.CDLL:
    """The compiled kernels, through the C interface of core/contract/c_api.h."""
    if not os.path.exists(LIBRARY_PATH):
        raise ImportError(
            f"the compiled operator library {LIBRARY_PATH} is missing; build it with `pip install -e .` "
            "(or `python setup.py build_ext --inplace`) in the project's folder"
        )
    lib = ctypes.CDLL(LIBRARY_PATH)
    lib.acn_last_error.restype = ctypes.c_char_p
    lib.acn_abi.restype = ctypes.c_char_p
    lib.acn_describe.restype = ctypes.c_char_p
    lib.acn_input_name.restype = ctypes.c_char_p
    lib.acn_input_name.argtypes = [ctypes.c_void_p, ctypes.c_int]
    lib.acn_num_inputs.argtypes = [ctypes.c_void_p]
    lib.acn_free.argtypes = [ctypes.c_void_p]
    lib.acn_free.restype = None
    lib.acn_workspace_bytes.restype = ctypes.c_int64
    lib.acn_set_workspace_bytes.argtypes = [ctypes.c_int64]
    return lib


def declare_cuda(lib: ctypes.CDLL) -> ctypes.CDLL:
    """Gives the functions of core/contract/cuda_api.h in a loaded library their types."""
    pointer, int64, code = ctypes.c_void_p, ctypes.c_int64, ctypes.c_int
    lib.acn_cuda_last_error.restype = ctypes.c_char_p
    lib.acn_cuda_abi.restype = ctypes.c_char_p
    lib.acn_cuda_architectures.restype = ctypes.c_char_p
    lib.acn_cuda_device_count.argtypes = [pointer]
    lib.acn_cuda_check.argtypes = [code]
    lib.acn_cuda_workspace_bytes.argtypes = [pointer, code, pointer, code, code, pointer]
    place: list = [pointer, int64, code, pointer]  # workspace, its bytes, device, stream
    lib.acn_cuda_forward.argtypes = [pointer, code, pointer, ctypes.c_int32, pointer, *place]
    lib.acn_cuda_backward.argtypes = [pointer, pointer, code, pointer, pointer, pointer, code, *place]
    return lib


def check_abi(lib: ctypes.CDLL, path: str) -> None:
    """OperatorError unless a CUDA library was built from the headers of this CPU library: they share C++ objects."""
    mine, its = library().acn_abi().decode(), "none"
    if hasattr(lib, "acn_cuda_abi"):
        lib.acn_cuda_abi.restype = ctypes.c_char_p
        its = lib.acn_cuda_abi().decode()
    if its != mine:
        raise OperatorError(
            f"{path} was built from other sources than {LIBRARY_PATH} (stamps {its} and {mine}): build both again, "
            "with `python setup.py build_ext --inplace` (and scripts/build_cuda11.sh where that made it)"
        )


@functools.cache
def cuda_library() -> ctypes.CDLL:
    """The CUDA kernels, through the C interface of core/contract/cuda_api.h. OperatorError in a build that has none."""
    library()  # the CUDA library is linked to it
    if not os.path.exists(CUDA_LIBRARY_PATH):
        raise OperatorError(
            f"this is a CPU-only build of active-convnets: {CUDA_LIBRARY_PATH} is missing. It is built where nvcc is "
            "found (PATH, or CUDA_HOME); see docs/cuda.md"
        )
    lib = ctypes.CDLL(CUDA_LIBRARY_PATH)
    check_abi(lib, CUDA_LIBRARY_PATH)
    return declare_cuda(lib)


def cuda_available() -> bool:
    """Whether this build has CUDA kernels and this machine a device that they can run on."""
    if not os.path.exists(CUDA_LIBRARY_PATH):
        return False
    count = ctypes.c_int()
    lib = cuda_library()
    if lib.acn_cuda_device_count(ctypes.byref(count)):
        raise OperatorError(lib.acn_cuda_last_error().decode())
    return count.value > 0


def address(function) -> int:
    """The address of a ctypes function, for handing it to compiled code."""
    return ctypes.cast(function, ctypes.c_void_p).value or 0


@dataclass(frozen=True)
class Description:
    """What an operator says of itself: `inputs` and `attributes` map names to their documentation, in order."""

    name: str
    room: str
    doc: str
    inputs: dict
    attributes: dict  # name -> {"type", "default", "doc", "required"}

    def docstring(self, array: str) -> str:
        """A NumPy-style docstring whose inputs are of the given array type."""
        lines = [self.doc, "", "Parameters", "----------"]
        for name, doc in self.inputs.items():
            lines += [f"{name} : {array}", f"    {doc}"]
        for name, info in self.attributes.items():
            note = "required" if info["required"] else f"default {info['default']}"
            lines += [f"{name} : {info['type']}, {note}", f"    {info['doc']}"]
        return "\n".join(lines)


@functools.cache
def descriptions() -> dict:
    """Name -> Description of every operator in the library."""
    result = {}
    for item in json.loads(library().acn_describe().decode()):
        inputs = {i["name"]: i["doc"] for i in item["inputs"]}
        attributes = {a.pop("name"): a for a in item["attributes"]}
        result[item["name"]] = Description(item["name"], item["room"], item["doc"], inputs, attributes)
    return result


def attribute_text(value) -> str:
    """The text form of an attribute, as the C++ side and MXNet's graph files have it."""
    if isinstance(value, (list, tuple)):
        return "(" + ", ".join(str(v) for v in value) + ("," if len(value) == 1 else "") + ")"
    return str(value)


@functools.lru_cache(maxsize=1024)
def _inputs_for(name: str, attributes: tuple) -> tuple:
    lib, handle = library(), ctypes.c_void_p()
    keys = (ctypes.c_char_p * len(attributes))(*(k.encode() for k, _ in attributes))
    values = (ctypes.c_char_p * len(attributes))(*(v.encode() for _, v in attributes))
    if lib.acn_create(name.encode(), len(attributes), keys, values, ctypes.byref(handle)):
        raise OperatorError(lib.acn_last_error().decode())
    try:
        return tuple(lib.acn_input_name(handle, i).decode() for i in range(lib.acn_num_inputs(handle)))
    finally:
        lib.acn_free(handle)


def inputs_for(name: str, attributes: dict) -> tuple:
    """The names of the inputs that an operator with these attributes (as text) takes. Raises OperatorError if wrong."""
    return _inputs_for(name, tuple(sorted(attributes.items())))


def num_threads() -> int:
    """Threads of the CPU kernels: as set, else ACTIVE_CONVNETS_NUM_THREADS, else OMP_NUM_THREADS, else all cores."""
    return library().acn_num_threads()


def set_num_threads(count: int) -> None:
    """Sets the number of threads of the CPU kernels; 0 returns to the default. Results do not depend on it."""
    if not 0 <= count <= MOST_THREADS:
        raise ValueError(f"set_num_threads: count must be 0 (default) to {MOST_THREADS}, got {count}")
    library().acn_set_num_threads(int(count))


def instruction_set() -> str:
    """The level of x86-64 whose kernels run here: 'v2', 'v3' (AVX2) or 'v4' (AVX-512); 'v2' on other machines.

    Raises OperatorError if ACTIVE_CONVNETS_ISA names a level that this machine does not have.
    """
    level = ctypes.c_int()
    if library().acn_instruction_set(ctypes.byref(level)):
        raise OperatorError(library().acn_last_error().decode())
    return f"v{level.value}"


def workspace_bytes() -> int:
    """The bound on the scratch memory of one convolution call, in bytes (default 64 MiB).

    Never less than one image and the weights, packed, in forward, and two maps of 32 channels a thread in backward.
    The poolings' scratch memory on the CPU (a copy of the output, and maps of a block of channels for each thread) is
    outside it; what is on the GPU stands in docs/cuda.md.
    """
    return library().acn_workspace_bytes()


def set_workspace_bytes(count: int) -> None:
    """Sets that bound (at least 1 MiB). It fixes how sums are split, so changing it may change the last bits."""
    if not 1 << 20 <= count < 1 << 62:
        raise ValueError(f"set_workspace_bytes: count must be {1 << 20} bytes to 2^62 - 1, got {count}")
    library().acn_set_workspace_bytes(int(count))
