# SPDX-License-Identifier: Apache-2.0
"""What is not installed is told with the line that brings it, by every front and program that needs it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from operators.extras import need

ROOT = Path(__file__).resolve().parents[2]
NEEDS = {
    "operators.for_torch": ("torch", "torch"),
    "operators.for_mxnet": ("mxnet", "mxnet"),
    "lib.commands.predict": ("deeplab", "yaml"),
    "lib.commands.train": ("deeplab", "omegaconf"),
    "lib.launch": ("deeplab", "tqdm"),
    "lib.weights.convert": ("deeplab", "yaml"),
    "experiments.ledger": ("deeplab", "yaml"),
    "deeplab.predict": ("deeplab", "yaml"),  # the name of earlier versions
}


@pytest.mark.parametrize("module", NEEDS)
def test_a_missing_extra_is_told_with_its_line(module):
    extra, missing = NEEDS[module]
    code = f"import runpy, sys; sys.modules[{missing!r}] = None; runpy.run_module({module!r}, run_name='__main__')"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=300)
    last = done.stderr.strip().splitlines()[-1]
    assert done.returncode == 1
    assert f"{missing} not installed: pip install 'active-convnets[{extra}]'" in last


def test_what_is_there_is_not_asked_for():
    need("tests", "pytest", "sys")
    with pytest.raises(
        ImportError, match=r"^no_such_thing, nor_this not installed: pip install 'active-convnets\[x\]'"
    ):
        need("x", "pytest", "no_such_thing", "nor_this")


def test_a_torch_that_is_too_old():
    pytest.importorskip("torch", reason="PyTorch is not installed")
    from torch.torch_version import TorchVersion

    from operators.for_torch.requirement import check

    for version in ("2.4.0", "2.13.0+cpu", "3.0.0"):
        check(TorchVersion(version))
    with pytest.raises(ImportError, match=r"operators.for_torch needs torch 2.4 or later, got torch 2.3.1\+cpu"):
        check(TorchVersion("2.3.1+cpu"))
