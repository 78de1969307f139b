# SPDX-License-Identifier: Apache-2.0
"""The CUDA library must have been built from the headers of the CPU library beside it."""

from __future__ import annotations

import runpy
import sys
import types
from pathlib import Path

import pytest

from operators import library
from operators.core import abi

ROOT = Path(library.__file__).resolve().parents[1]


class Cuda:
    """A library that tells a stamp."""

    def __init__(self, stamp: bytes):
        self.acn_cuda_abi = lambda: stamp


def test_the_library_has_the_stamp_of_these_headers():
    assert library.library().acn_abi().decode() == abi.abi(), "build again: a header changed since"


def test_every_header_that_crosses_is_in_the_stamp():
    names = {path.relative_to(abi.OPERATORS).as_posix() for path in abi.shared_headers()}
    rooms = {f"{room}/{name}.h" for room in library_rooms() for name in ("contract", "geometry")}
    assert {"core/contract/handle.h", "core/contract/operator.h", "core/conv/conv_contract.h", *rooms} <= names
    for path in abi.shared_headers():
        assert "cuda" not in path.parts


def library_rooms() -> set:
    return {description.room for description in library.descriptions().values()}


def test_equal_stamps_are_taken():
    library.check_abi(Cuda(library.library().acn_abi()), "a.so")


@pytest.mark.parametrize("lib, stamp", [(Cuda(b"0123456789abcdef"), "0123456789abcdef"), (object(), "none")])
def test_another_stamp_is_an_error(lib, stamp):
    with pytest.raises(
        library.OperatorError, match=f"a.so was built from other sources .*{stamp} and .*build both again"
    ):
        library.check_abi(lib, "a.so")


def test_a_cpu_build_removes_the_cuda_library_of_an_earlier_one(monkeypatch, tmp_path, capsys):
    setuptools = pytest.importorskip("setuptools")
    cython = types.ModuleType("Cython.Build")
    cython.cythonize = lambda *arguments, **more: [None]
    monkeypatch.setitem(sys.modules, "Cython", types.ModuleType("Cython"))
    monkeypatch.setitem(sys.modules, "Cython.Build", cython)
    monkeypatch.setattr(setuptools, "setup", lambda **arguments: None)
    monkeypatch.setenv("ACTIVE_CONVNETS_CUDA", "0")
    monkeypatch.chdir(ROOT)
    setup = runpy.run_path(str(ROOT / "setup.py"))
    stale = tmp_path / "libactive_convnets_cuda.so"
    stale.write_bytes(b"old")
    monkeypatch.setattr(setuptools.command.build_ext.build_ext, "run", lambda self: None)
    build = setup["Build"](setuptools.Distribution({"ext_modules": []}))
    build.extensions = [types.SimpleNamespace(name="library"), types.SimpleNamespace(name="front")]
    build.get_ext_fullpath = lambda name: str(stale)
    build.run()
    assert not stale.exists() and "removed" in capsys.readouterr().out
    build.run()  # nothing there: nothing to do
    stale.write_bytes(b"new")
    build.extensions.append(types.SimpleNamespace(name=setup["CUDA_LIBRARY"]))
    build.run()
    assert stale.read_bytes() == b"new"
