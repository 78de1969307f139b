# SPDX-License-Identifier: Apache-2.0
"""Scratch memory is bounded by the workspace and the threads, not by the size of the column of the whole image."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

PROGRAM = """
import json, re, sys
import numpy as np
import operators
from operators.for_numpy import Operator

def memory(name):
    with open("/proc/self/status") as file:
        return int(re.search(name + r":\\s+(\\d+)", file.read()).group(1)) / 1024

operators.set_num_threads(int(sys.argv[3]))
operators.set_workspace_bytes(16 << 20)
settings = json.loads(sys.argv[2])
operator = Operator(sys.argv[1], kernel=(5, 5), pad=(2, 2), no_bias=True, **settings)
shapes, out = operator.shapes((2, 64, 96, 96))
arrays = [np.full(shape, 0.25, "float32") for shape in shapes]
head, grads, result = np.ones(out, "float32"), [np.ones_like(a) for a in arrays], np.ones(out, "float32")
with open("/proc/self/clear_refs", "w") as file:
    file.write("5")  # what was highest so far no longer counts
before = memory("VmRSS")
operator.forward(*arrays, out=result)
operator.backward(head, *arrays, grads=grads)
print(memory("VmHWM") - before)
"""
COLUMN_MIB = 2 * 64 * 25 * 96 * 96 * 4 >> 20  # 112: the column of all images


@pytest.mark.parametrize(
    "operator, settings",
    [
        ("ActiveConvolution", {"num_filter": 2}),
        ("ActiveConvolution", {"num_filter": 28, "num_offset_group": 28}),
        ("DeformableConvolution", {"num_filter": 2}),
    ],
)
@pytest.mark.parametrize("threads", [2, 5])
def test_scratch_memory(operator, settings, threads):
    arguments = [sys.executable, "-c", PROGRAM, operator, json.dumps(settings), str(threads)]
    run = subprocess.run(arguments, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr
    # The workspace of 16 MiB and a share per thread (here a block's maps, columns and weights); far from the column,
    # and not nothing: the packed maps of one image alone are 2 MiB.
    assert 2 <= float(run.stdout) < 16 + 12 * threads < COLUMN_MIB, f"{run.stdout} MiB"
