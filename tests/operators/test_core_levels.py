# SPDX-License-Identifier: Apache-2.0
"""Every instruction-set level of the kernels computes the same; the other tests run the widest this machine has."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

# What the psABI counts to each level beyond the one before, in the words of /proc/cpuinfo (abm: lzcnt). The compiler
# may use any of it.
NEEDS = {
    "v2": set(),
    "v3": {"avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe"},
    "v4": {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"},
}
PROGRAM = """
from operators.checks import backends, catalogue
from operators.checks.inputs import between_lines, special
from operators.checks.agreement import check
for case in catalogue.all_cases():
    rules = catalogue.boundaries_of(case.operator)
    for i, dtype in enumerate(["float32", "float64"]):
        for offsets in (between_lines, special):
            check(backends.for_numpy, case, rules[(len(case.name) + i) % len(rules)], dtype, offsets)
            print(case, dtype)
"""


def _cpu_flags() -> set:
    with open("/proc/cpuinfo") as file:
        return set(next((line for line in file if line.startswith("flags")), "").split())


@pytest.mark.parametrize("level", NEEDS)
def test_level_equals_reference(level):
    missing = NEEDS[level] - _cpu_flags()
    if missing:
        pytest.skip(f"this CPU has no {', '.join(sorted(missing))}")
    environment = {**os.environ, "ACTIVE_CONVNETS_ISA": level}
    run = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr
    assert len(run.stdout.splitlines()) > 200


def test_the_widest_level_that_the_cpu_has_all_of_is_chosen():
    clean = {key: value for key, value in os.environ.items() if key != "ACTIVE_CONVNETS_ISA"}
    program = "from operators.library import instruction_set; print(instruction_set())"
    run = subprocess.run([sys.executable, "-c", program], env=clean, capture_output=True, text=True, timeout=60)
    widest = "v2"
    for level, needed in list(NEEDS.items())[1:]:
        if needed - _cpu_flags():
            break
        widest = level
    assert run.stdout.strip() == widest, run.stderr


@pytest.mark.parametrize("level", ["v1", "v9", "avx2"])
def test_a_level_that_is_not_there_is_an_error(level):
    program = (
        "import numpy as np; from operators.for_numpy import Operator; "
        "op = Operator('DeformableConvolution', kernel=(1, 1), num_filter=1, no_bias=True); "
        "op.forward(*[np.ones(shape) for shape in op.shapes((1, 1, 1, 1))[0]])"
    )
    environment = {**os.environ, "ACTIVE_CONVNETS_ISA": level}
    run = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=60)
    assert "OperatorError: ACTIVE_CONVNETS_ISA must name a level of this machine, v2 to v" in run.stderr
    assert f"got '{level}'" in run.stderr
