# SPDX-License-Identifier: Apache-2.0
"""The stand-ins of the host build see what they are there for: orders, missing atomic additions, wrong calls."""

from __future__ import annotations

import ctypes
import subprocess
from pathlib import Path

import numpy as np
import pytest
from device_arrays import CudaOperator

from operators import library

PROGRAM = """
#include <cstdio>
#include <vector>
#include "operators/core/cuda/host_shim/host_platform.h"
struct Body {
  float* sums;
  int* seen;
  void operator()(int64_t row, int64_t x) const {
    %s
    ++seen[row * 7 + x];
  }
};
int main() {
  std::vector<float> sums(2);
  std::vector<int> seen(21);
  for (int i = 0; i < 50; ++i) acn::cuda::launch(nullptr, 3, 7, Body{sums.data(), seen.data()});
  for (int count : seen) if (count != 50) return 3;
  std::printf("%%g %%g\\n", sums[0], sums[1]);
}
"""
OPERATORS = Path(library.__file__).parent
ATOMIC, PLAIN = "acn::cuda::atomic_add(sums + x % 2, 1.0f);", "sums[x % 2] += 1.0f;"


def built(compiler, folder, line, *flags):
    (folder / "a.cc").write_text(PROGRAM % line)
    command = [compiler, "-std=c++17", "-O1", "-g", *flags, "-I", OPERATORS.parent, folder / "a.cc", "-pthread"]
    done = subprocess.run([*command, "-o", folder / "a"], capture_output=True, text=True, check=False)
    return done, folder / "a"


@pytest.mark.parametrize("line", [ATOMIC, PLAIN])
def test_every_body_runs_once_in_each_launch(compiler, tmp_path, line):
    done, program = built(compiler, tmp_path, line)
    assert done.returncode == 0, done.stderr
    assert subprocess.run([program], capture_output=True, text=True, check=True).stdout == "600 450\n"


def test_a_missing_atomic_addition_is_seen_by_the_thread_sanitizer(compiler, tmp_path):
    flags = ("-fsanitize=thread", "-DACN_HOST_THREADS=3")
    done, program = built(compiler, tmp_path, ATOMIC, *flags)
    if done.returncode:
        pytest.skip(f"no ThreadSanitizer: {done.stderr[-200:]}")
    right = subprocess.run([program], capture_output=True, text=True, check=False)
    assert (right.returncode, right.stdout) == (0, "600 450\n"), right.stderr
    done, program = built(compiler, tmp_path, PLAIN, *flags)
    wrong = subprocess.run([program], capture_output=True, text=True, check=False)
    assert wrong.returncode != 0 and "data race" in wrong.stderr


def test_convolutions_multiply_by_cublas_one_product_and_many(host_library, cublas_on_host):
    """Deformable groups make batches of products."""
    products = cublas_on_host.acn_stand_in_products
    for groups in (1, 2):
        before = products(0), products(1)
        operator = CudaOperator(host_library, "DeformableConvolution", "float32", kernel=(3, 3), pad=(1, 1),
                                num_filter=4, num_group=groups, no_bias=True)  # fmt: skip
        data, offset = np.ones((1, 4, 5, 5), np.float32), np.zeros((1, 18, 5, 5), np.float32)
        weight = np.ones((4, 4 // groups, 3, 3), np.float32)
        out = operator.forward(data, offset, weight, out=np.zeros((1, 4, 5, 5), np.float32))
        assert out[0, 0, 2, 2] == 9 * 4 / groups
        counted = products(0) - before[0], products(1) - before[1]
        assert (counted[0] > 0, counted[1] > 0) == (groups == 1, groups == 2), counted


def test_the_stand_in_refuses_what_cublas_forbids(cublas_on_host):
    handle, one, zero = ctypes.c_void_p(), ctypes.c_float(1), ctypes.c_float(0)
    memory = np.zeros(1024, np.uint8)
    workspace = ctypes.c_void_p(memory.ctypes.data + -memory.ctypes.data % 256)
    a, b, c = (np.ones((2, 2), np.float32) for _ in range(3))

    def multiply(lda=2, c_type=0, compute=68):
        return cublas_on_host.cublasGemmEx(
            handle, 0, 0, 2, 2, 2, ctypes.byref(one), a.ctypes, 0, lda, b.ctypes, 0, 2, ctypes.byref(zero), c.ctypes,
            c_type, 2, compute, -1)  # fmt: skip

    assert cublas_on_host.cublasCreate_v2(ctypes.byref(handle)) == 0
    assert cublas_on_host.cublasSetMathMode(handle, 16) == 0 and multiply() == 15  # without a workspace
    assert cublas_on_host.cublasSetWorkspace_v2(handle, ctypes.c_void_p(workspace.value + 8), 256) == 7
    assert cublas_on_host.cublasSetWorkspace_v2(handle, workspace, 256) == 0
    assert multiply() == 0 and (c == 2).all()
    assert multiply(lda=1) == 7 and multiply(c_type=1) == 15 and multiply(compute=77) == 15
    assert cublas_on_host.cublasSetStream_v2(handle, None) == 0 and multiply() == 15  # which takes the workspace away
    assert cublas_on_host.cublasSetMathMode(handle, 3) == 0  # TF32
    assert cublas_on_host.cublasSetWorkspace_v2(handle, workspace, 256) == 0 and multiply() == 15
    assert cublas_on_host.cublasDestroy_v2(handle) == 0
