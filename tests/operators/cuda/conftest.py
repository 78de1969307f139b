# SPDX-License-Identifier: Apache-2.0
"""The host build: the CUDA sources compiled by the C++ compiler, with core/cuda/host_shim in CUDA's place."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from operators import library
from operators.core.abi import abi
from operators.rooms import ROOMS

OPERATORS = Path(library.__file__).parent
NOT_ON_HOST = {"device.cu", "own_stream.cu"}  # host_shim/ has its own
FLAGS = "-std=c++17 -O1 -fPIC -fvisibility=hidden -ffp-contract=off -Wall -Wextra -Werror -DACN_CUDA_ON_HOST".split()
FLAGS.append(f'-DACN_ABI="{abi()}"')


def host_sources() -> list:
    shared = [path for path in sorted((OPERATORS / "core/cuda").glob("*/*.cu")) if path.name not in NOT_ON_HOST]
    rooms = [OPERATORS / room / "cuda.cu" for room in ROOMS]
    return [*shared, *rooms, OPERATORS / "core/cuda/host_shim/device.cc"]


@pytest.fixture(scope="session")
def compiler() -> str:
    found = shutil.which(os.environ.get("CXX", "c++"))
    if found is None:
        pytest.skip("no C++ compiler to build the CUDA kernels for the host with")
    return found


@pytest.fixture(scope="session")
def cublas_on_host(compiler, tmp_path_factory) -> ctypes.CDLL:
    """What the host build multiplies with; it finds it because it is loaded."""
    target = tmp_path_factory.mktemp("cublas_on_host") / "libcublas_on_host.so"
    flags = ["-std=c++17", "-O2", "-fPIC", "-shared", "-Wall", "-Wextra", "-Werror", f"-Wl,-soname,{target.name}"]
    subprocess.run([compiler, *flags, OPERATORS / "core/cuda/host_shim/cublas.cc", "-o", target], check=True)
    loaded = ctypes.CDLL(str(target), mode=ctypes.RTLD_GLOBAL)
    loaded.acn_stand_in_products.restype = ctypes.c_int64
    return loaded


@pytest.fixture(scope="session")
def host_library(compiler, cublas_on_host, tmp_path_factory) -> ctypes.CDLL:
    library.library()
    folder = tmp_path_factory.mktemp("cuda_on_host")

    def build(source):
        target = folder / ("_".join(source.relative_to(OPERATORS).parts) + ".o")
        subprocess.run([compiler, "-x", "c++", *FLAGS, "-c", source, "-o", target], check=True)
        return target

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        objects = list(pool.map(build, host_sources()))
    target = folder / "libactive_convnets_cuda_on_host.so"
    subprocess.run(
        [compiler, "-shared", *objects, library.LIBRARY_PATH, "-ldl", "-Wl,--no-undefined", "-o", target], check=True
    )
    return library.declare_cuda(ctypes.CDLL(str(target)))
