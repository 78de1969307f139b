# SPDX-License-Identifier: Apache-2.0
"""What importing operators.for_mxnet does to a process."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

PROJECT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))


def _python(code: str, path: str = "", **environment):
    removed = {name: value for name, value in os.environ.items() if environment.get(name, "") is not None}
    given = {name: value for name, value in environment.items() if value is not None}
    paths = os.pathsep.join(p for p in (path, PROJECT, os.environ.get("PYTHONPATH", "")) if p)
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**removed, **given, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize("given, expected", [(None, "2"), ("5", "5")])
def test_the_threads_of_mxnet_are_set_before_it_loads(given, expected):
    code = "import operators.for_mxnet, os; print(os.environ['OMP_NUM_THREADS'])"
    done = _python(code, OMP_NUM_THREADS=given, ACTIVE_CONVNETS_NUM_THREADS="2")
    assert done.stdout.split() == [expected], done.stderr


@pytest.mark.parametrize("order", ["import mxnet, operators.for_mxnet", "import operators.for_mxnet, mxnet"])
def test_the_order_of_imports_does_not_matter(order):
    code = f"{order}; from operators.for_mxnet import nd, registry; registry.register(); import mxnet as mx; print("
    code += "nd.Shift(mx.nd.ones((1, 2, 3, 4)), mx.nd.zeros((2, 2))).sum().asscalar())"
    done = _python(code)
    assert done.stdout.split() == ["24.0"], done.stderr
    assert "overrid" not in done.stderr  # registering twice would say so


def test_a_numpy_that_mxnet_cannot_stand_is_named(tmp_path):
    """As MXNet 1.9.1 fails with numpy 1.24 or later."""
    (tmp_path / "mxnet").mkdir()
    (tmp_path / "mxnet" / "__init__.py").write_text("raise AttributeError(\"module 'numpy' has no attribute 'bool'\")")
    done = _python("import operators.for_mxnet", path=str(tmp_path))
    assert done.returncode == 1
    assert "ImportError" in done.stderr
    assert "numpy < 1.24" in done.stderr


def test_a_python_that_mxnet_does_not_run_on_is_named():
    done = _python("import sys; sys.version_info = (3, 13, 0); import operators.for_mxnet")
    assert done.returncode == 1
    assert "ImportError: MXNet 1.9.1 runs on Python 3.9 to 3.11, this is " in done.stderr


def test_the_numpy_front_does_not_need_mxnet():
    code = "import operators.for_numpy, sys; print('mxnet' in sys.modules)"
    assert _python(code).stdout.split() == ["False"]
