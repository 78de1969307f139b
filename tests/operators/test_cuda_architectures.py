# SPDX-License-Identifier: Apache-2.0
"""What setup.py compiles the CUDA library for, asked of compilers that are made up."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CUDA_11_8 = "sm_50 sm_60 sm_70 sm_75 sm_80 sm_86 sm_87 sm_89 sm_90"
CUDA_13 = "sm_75 sm_80 sm_86 sm_87 sm_88 sm_89 sm_90 sm_100 sm_103 sm_110 sm_120 sm_121"


@pytest.fixture
def architectures(monkeypatch, tmp_path):
    """architectures(what nvcc knows, wish) -> what is compiled for"""
    setuptools, build = pytest.importorskip("setuptools"), pytest.importorskip("Cython.Build")
    monkeypatch.setattr(setuptools, "setup", lambda **arguments: None)
    monkeypatch.setattr(build, "cythonize", lambda *arguments, **more: [])
    monkeypatch.setenv("ACTIVE_CONVNETS_CUDA", "0")
    monkeypatch.chdir(ROOT)
    function, nvcc = runpy.run_path(str(ROOT / "setup.py"))["cuda_architectures"], tmp_path / "nvcc"

    def ask(known: str, wish: str = "", status: int = 0) -> str:
        nvcc.write_text(f"#!/bin/sh\nprintf '%s\\n' {known}\nexit {status}\n")
        nvcc.chmod(0o755)
        monkeypatch.setenv("ACTIVE_CONVNETS_CUDA_ARCHS", wish)
        return " ".join(function(str(nvcc)))

    return ask


def test_ptx_of_the_newest_is_always_there(architectures, capsys):
    release = "sm_75 sm_80 sm_86 sm_89 sm_90 sm_100 sm_120 compute_120"
    assert architectures(CUDA_13) == architectures(CUDA_11_8) == "sm_80 sm_90 compute_90"
    assert architectures(CUDA_13, "release") == release and not capsys.readouterr().out
    assert architectures(CUDA_11_8, "release") == "sm_75 sm_80 sm_86 sm_89 sm_90 compute_90"
    assert "does not know sm_100 sm_120: left out" in capsys.readouterr().out
    assert architectures("sm_70 sm_75 sm_80 sm_86") == "sm_80 compute_80"  # CUDA 11.1


def test_a_wish_is_taken_as_it_is(architectures):
    assert architectures(CUDA_13, "sm_70;sm_90a, compute_90") == "sm_70 sm_90a compute_90"


def test_a_compiler_that_cannot_serve(architectures):
    with pytest.raises(SystemExit, match="knows none of sm_80 sm_90: set ACTIVE_CONVNETS_CUDA_ARCHS"):
        architectures("sm_35 sm_70")
    with pytest.raises(SystemExit, match="--list-gpu-code failed: name what to compile for"):
        architectures("", status=1)
