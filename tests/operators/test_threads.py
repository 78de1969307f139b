# SPDX-License-Identifier: Apache-2.0
"""The thread pool: how many threads, many callers, fork."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import operators
from operators.for_numpy import Operator


@pytest.fixture
def restored():
    yield
    operators.set_num_threads(0)


def _example(seed):
    """An operator call of several tiles, images and blocks: what it is called on and a function that makes it."""
    random = np.random.default_rng(seed)
    operator = Operator("DeformableConvolution", kernel=(3, 3), num_filter=6, pad=(1, 1))
    shapes, out = operator.shapes((2, 40, 11, 13 + seed))
    arrays, head = [random.standard_normal(shape) for shape in shapes], random.standard_normal(out)
    return lambda: [operator.forward(*arrays), *operator.backward(head, *arrays)]


def _same(got, want):
    return all(a.tobytes() == b.tobytes() for a, b in zip(got, want))


def test_many_callers_while_the_number_of_threads_changes(restored):
    calls = [_example(seed) for seed in range(4)]
    operators.set_num_threads(1)
    want = [call() for call in calls]
    with ThreadPoolExecutor(len(calls)) as pool:
        for count in (2, 5, 1, 8, 3):
            operators.set_num_threads(count)
            for got, expected in zip(pool.map(lambda call: call(), calls), want):
                assert _same(got, expected)


FORK = """
import os
import numpy as np
from operators.for_numpy import Operator
operator = Operator("DeformableConvolution", kernel=(3, 3), num_filter=6, pad=(1, 1))
shapes, _ = operator.shapes((2, 40, 11, 13))
arrays = [np.random.default_rng(0).standard_normal(shape) for shape in shapes]
want = operator.forward(*arrays)  # the pool has threads now, none of which a child inherits
child = os.fork()
if child == 0:
    os._exit(0 if (operator.forward(*arrays) == want).all() else 1)
assert os.waitpid(child, 0)[1] == 0
assert (operator.forward(*arrays) == want).all()
"""


def test_a_forked_child_computes_as_its_parent():
    environment = {**os.environ, "ACTIVE_CONVNETS_NUM_THREADS": "4"}
    subprocess.run([sys.executable, "-c", FORK], env=environment, timeout=60, check=True)


@pytest.mark.parametrize(
    "environment, count",
    [
        ({"ACTIVE_CONVNETS_NUM_THREADS": "3", "OMP_NUM_THREADS": "2"}, 3),
        ({"OMP_NUM_THREADS": "2"}, 2),
        ({"ACTIVE_CONVNETS_NUM_THREADS": "", "OMP_NUM_THREADS": "5,2"}, 5),
        ({}, len(os.sched_getaffinity(0))),
    ],
)
def test_default_number_of_threads(environment, count):
    clean = {k: v for k, v in os.environ.items() if not k.endswith("_NUM_THREADS")}
    program = "import operators; print(operators.num_threads())"
    run = subprocess.run(
        [sys.executable, "-c", program], env={**clean, **environment}, capture_output=True, text=True, timeout=60
    )
    assert run.stdout.strip() == str(count), run.stderr


def test_set_num_threads(restored):
    default = operators.num_threads()
    operators.set_num_threads(7)
    assert operators.num_threads() == 7
    operators.set_num_threads(0)
    assert operators.num_threads() == default
    with pytest.raises(ValueError, match="count must be 0 .* got -1"):
        operators.set_num_threads(-1)


def test_workspace_has_a_least_size():
    with pytest.raises(ValueError, match=r"must be 1048576 bytes to 2\^62 - 1, got 5"):
        operators.set_workspace_bytes(5)
