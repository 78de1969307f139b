# SPDX-License-Identifier: Apache-2.0
"""The CUDA library as it was built here. That its kernels compute what they should is seen on a GPU (docs/cuda.md)."""

from __future__ import annotations

import ctypes
import os
import re
import struct
from pathlib import Path

import numpy as np
import pytest
from device_arrays import CudaOperator

from operators import library

HEADER = Path(library.__file__).parent / "core" / "contract" / "cuda_api.h"


@pytest.fixture
def lib():
    if not os.path.exists(library.CUDA_LIBRARY_PATH):
        pytest.skip("a CPU-only build: nvcc was not found when it was made")
    return library.cuda_library()


def test_it_exports_the_interface_and_nothing_of_the_cuda_runtime(lib):
    names = re.findall(r"\b(acn_cuda_\w+)\(", HEADER.read_text())
    assert len(names) >= 10
    for name in names:
        assert hasattr(lib, name), name
    assert not hasattr(lib, "cudaMalloc")


def fat_binary_targets(path) -> set:
    """What machine code ("sm_80") and PTX ("compute_90") the fat binaries inside a file hold.

    A fat binary begins with the magic number and its header; then come entries: kind (1 PTX, 2 machine code),
    sizes of the entry's header and payload, and, 28 bytes on, the architecture.
    """
    data, found, start = Path(path).read_bytes(), set(), 0
    magic = struct.pack("<I", 0xBA55ED50)
    while (start := data.find(magic, start)) >= 0:
        _, version, header, size = struct.unpack_from("<IHHQ", data, start)
        entry, end = start + header, start + header + size
        start += 4
        if version != 1 or header != 16 or end > len(data):
            continue
        while entry < end:
            kind, _, entry_header, payload = struct.unpack_from("<HHIQ", data, entry)
            architecture = struct.unpack_from("<I", data, entry + 28)[0]
            found.add(f"{'compute' if kind == 1 else 'sm'}_{architecture}")
            entry += entry_header + payload
    return found


def test_it_holds_what_it_says(lib):
    assert fat_binary_targets(library.CUDA_LIBRARY_PATH) == set(lib.acn_cuda_architectures().decode().split())
    assert lib.acn_cuda_runtime_version() >= 11000


def test_without_a_device_a_call_says_so(lib):
    count = ctypes.c_int(-1)
    assert lib.acn_cuda_device_count(ctypes.byref(count)) == 0
    if count.value:
        pytest.skip("there is a device")
    assert not library.cuda_available()
    operator = CudaOperator(lib, "Shift", "float32")
    data, offset = np.zeros((1, 2, 3, 4), np.float32), np.zeros((2, 2), np.float32)
    with pytest.raises(library.OperatorError, match="CUDA: there is no device to run on"):
        operator.forward(data, offset, out=data.copy())
    with pytest.raises(library.OperatorError, match="CUDA: there is no device to run on"):
        operator.backward(data, data, offset, grads=[data.copy(), offset.copy()], reqs=["write"] * 2)


def test_a_cpu_only_build_says_so(monkeypatch):
    monkeypatch.setattr(library, "CUDA_LIBRARY_PATH", "/nowhere/libactive_convnets_cuda.so")
    assert not library.cuda_available()
    library.cuda_library.cache_clear()
    with pytest.raises(library.OperatorError, match="this is a CPU-only build.*docs/cuda.md"):
        library.cuda_library()
