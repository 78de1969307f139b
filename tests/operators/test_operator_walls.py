# SPDX-License-Identifier: Apache-2.0
"""The walls between the parts of operators/: which C++ file may include what, and what a room holds.

(Who may import whom in Python stands in tests/test_walls.py.)
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from operators.rooms import ROOMS

ROOT = Path(__file__).resolve().parents[2]
FRONTS = {"for_mxnet": "mxnet", "for_torch": "torch", "for_numpy": "numpy"}  # folder -> its framework
FRAMEWORK_HEADERS = ("mxnet", "torch", "ATen", "c10", "dmlc", "mshadow", "nnvm", "Python.h", "numpy", "pybind")
CUDA_HEADERS = ("cuda", "cublas", "library_types", "nv")
ROOM_FILES = "README.md contract.h contract.cc geometry.h cpu.cc cuda.cu reference.py cases.py test_{}.py".split()


def includes_of(source: str) -> list:
    return re.findall(r'^\s*#\s*include\s*[<"]([^">]+)[">]', source, re.MULTILINE)


def cpp_files(*folders):
    paths = [path for folder in folders for path in sorted((ROOT / folder).rglob("*"))]
    files = [path for path in paths if path.suffix in (".h", ".cc", ".cu", ".cuh")]
    return [pytest.param(path, id=str(path.relative_to(ROOT))) for path in files]


def room_of(path: Path) -> str:
    """The folder of operators/ that a file lies in: core, a room, a front or checks."""
    return path.relative_to(ROOT / "operators").parts[0]


CORE_AND_ROOMS = ["operators/core", *(f"operators/{room}" for room in ROOMS)]


@pytest.mark.parametrize("path", cpp_files(*CORE_AND_ROOMS))
def test_core_and_rooms_include_no_framework_and_no_other_room(path):
    for name in includes_of(path.read_text()):
        assert not name.startswith(FRAMEWORK_HEADERS), f"{path} includes {name}"
        target = (path.parent / name).resolve()
        if target.exists():
            allowed = {"core"} if room_of(path) == "core" else {"core", room_of(path)}
            assert room_of(target) in allowed, f"{path} includes {name}"


@pytest.mark.parametrize("path", cpp_files("operators"))
def test_only_cuda_sources_include_cuda(path):
    """A build without CUDA must not even look for it: *.cu, what only they include, and core/cuda."""
    relative = path.relative_to(ROOT / "operators")
    if relative.parts[:2] == ("core", "cuda"):
        if "host_shim" not in relative.parts:
            return
    elif path.suffix == ".cu" or path.name.startswith("cuda_"):
        return
    for name in includes_of(path.read_text()):
        own = (path.parent / name).exists()
        assert own or not name.startswith(CUDA_HEADERS), f"{path} includes {name}"
        inner = "host_shim" in relative.parts
        assert inner or "cuda/" not in name, f"{path} includes {name}"


@pytest.mark.parametrize("path", cpp_files(*(f"operators/{front}" for front in FRONTS)))
def test_fronts_include_core_and_their_own_framework(path):
    others = [FRONTS[front] for front in FRONTS if front != room_of(path)]
    for name in includes_of(path.read_text()):
        assert not name.startswith(tuple(others)), f"{path} includes {name}"
        target = (path.parent / name).resolve()
        if target.exists():
            assert room_of(target) in {"core", room_of(path)}, f"{path} includes {name}"


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_has_the_files_of_every_room(room):
    for name in ROOM_FILES:
        assert (ROOT / "operators" / room / name.format(room)).is_file(), f"operators/{room} has no {name.format(room)}"


def test_every_operator_has_a_room_a_reference_and_cases():
    import importlib

    from operators.library import descriptions

    for name, description in descriptions().items():
        assert description.room in ROOMS
        assert name in importlib.import_module(f"operators.{description.room}.reference").REFERENCES
        cases = importlib.import_module(f"operators.{description.room}.cases")
        listed = [case for key in dir(cases) if key.endswith("CASES") for case in getattr(cases, key)]
        assert any(case.operator == name for case in listed), f"{name} has no cases"


def test_the_scanner_sees_what_it_looks_for():
    assert includes_of('#include <mxnet/base.h>\n  # include "../core/a.h"\n// include "x.h"\n') == [
        "mxnet/base.h",
        "../core/a.h",
    ]
