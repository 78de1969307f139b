# SPDX-License-Identifier: Apache-2.0
"""The walls between the parts of the project: who may include and import whom."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest

from operators.rooms import ROOMS

ROOT = Path(__file__).resolve().parents[2]
FRONTS = {"for_mxnet": "mxnet", "for_torch": "torch", "for_numpy": "numpy"}  # folder -> its framework
FRAMEWORKS = {"mxnet", "torch", "torchvision", "tensorflow", "jax", "cupy"}
FRAMEWORK_HEADERS = ("mxnet", "torch", "ATen", "c10", "dmlc", "mshadow", "nnvm", "Python.h", "numpy", "pybind")
TESTING = {"pytest", "hypothesis"}
CUDA_HEADERS = ("cuda", "cublas", "library_types", "nv")
ROOM_FILES = "README.md contract.h contract.cc geometry.h cpu.cc cuda.cu reference.py cases.py test_{}.py".split()


def imports_of(source: str) -> set:
    """Every module that a Python source imports, anywhere in it; `from a import b` counts as a and as a.b."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "a relative import"
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


def includes_of(source: str) -> list:
    return re.findall(r'^\s*#\s*include\s*[<"]([^">]+)[">]', source, re.MULTILINE)


def inside(module: str, package: str) -> bool:
    return module == package or module.startswith(package + ".")


def python_files(*folders):
    files = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    return [pytest.param(path, id=str(path.relative_to(ROOT))) for path in files]


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
    elif path.suffix == ".cu" or path.name == "cuda_bodies.h":
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


@pytest.mark.parametrize("path", python_files(*CORE_AND_ROOMS))
def test_core_and_rooms_import_numpy_and_core(path):
    """And, in the files that test, the harness and the compiled kernels."""
    room = room_of(path)
    allowed, barred = ["operators.core", f"operators.{room}"], {*FRAMEWORKS, "deeplab"}
    if path.name == "cases.py" or path.name.startswith("test_"):
        allowed += ["operators.checks", "operators.for_numpy"]
    else:
        barred |= TESTING
    for module in imports_of(path.read_text()):
        if inside(module, "operators"):
            assert any(inside(module, package) for package in allowed), f"{path} imports {module}"
        assert not any(inside(module, package) for package in barred), f"{path} imports {module}"


@pytest.mark.parametrize("path", python_files(*(f"operators/{front}" for front in FRONTS)))
def test_fronts_do_not_know_each_other_nor_the_rooms(path):
    front = room_of(path)
    barred = [f"operators.{other}" for other in FRONTS if other != front] + [f"operators.{room}" for room in ROOMS]
    barred += [*(FRAMEWORKS - {FRONTS[front]}), "operators.checks", "deeplab"]
    for module in imports_of(path.read_text()):
        assert not any(inside(module, package) for package in barred), f"{path} imports {module}"


@pytest.mark.parametrize("name", ["__init__.py", "library.py", "rooms.py", "version.py"])
def test_importing_operators_imports_no_front(name):
    path = ROOT / "operators" / name
    for module in imports_of(path.read_text()):
        if inside(module, "operators"):
            assert module.split(".")[1] in ("library", "version"), f"{path} imports {module}"
        assert not any(inside(module, package) for package in {*FRAMEWORKS, "deeplab"}), f"{path} imports {module}"


@pytest.mark.parametrize("path", python_files("operators/checks"))
def test_only_its_mxnet_backends_make_the_harness_need_mxnet(path):
    if path.name == "mxnet_backends.py":
        return
    for module in imports_of(path.read_text()):
        assert not inside(module, "mxnet") and not inside(module, "operators.for_mxnet"), f"{path} imports {module}"


@pytest.mark.parametrize("path", python_files("operators/checks"))
def test_the_harness_does_not_know_deeplab(path):
    assert not any(inside(module, "deeplab") for module in imports_of(path.read_text()))


@pytest.mark.parametrize("path", python_files("deeplab"))
def test_deeplab_reaches_operators_through_one_module(path):
    if path == ROOT / "deeplab/symbols/operators.py":
        return
    for module in imports_of(path.read_text()):
        assert not inside(module, "operators"), f"{path} imports {module}"


@pytest.mark.parametrize("path", python_files("experiments"))
def test_experiments_know_configurations_and_train_sh_only(path):
    for module in imports_of(path.read_text()):
        for package in ("deeplab", "operators", *FRAMEWORKS):
            assert not inside(module, package), f"{path} imports {module}"


NOTEBOOK_MODULES = ["numpy", "matplotlib", "matplotlib_inline", "IPython", "deeplab.pictures"]


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").rglob("*.ipynb")), ids=lambda path: path.name)
def test_notebooks_know_pictures_and_references_only(path):
    """Never the training loop, the network or a front, not even through a shell."""
    cells = json.loads(path.read_text())["cells"]
    code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    assert not re.search(r"^\s*[%!]", code, re.MULTILINE), f"{path} runs a command"
    references = [f"operators.{room}.reference" for room in ROOMS]
    for module in imports_of(code) - {"deeplab"}:
        assert any(inside(module, allowed) for allowed in NOTEBOOK_MODULES + references), f"{path} imports {module}"
    for name in ("exec", "eval", "__import__", "import_module", "subprocess"):
        assert name not in code, f"{path} uses {name}"


@pytest.mark.parametrize("path", python_files("deeplab/pictures"))
def test_pictures_load_no_framework_until_they_need_a_network(path):
    """Drawing needs files and NumPy. Only a function that runs a network imports what loads MXNet."""
    tree = ast.parse(path.read_text())
    top = ast.unparse(ast.Module([node for node in tree.body if not isinstance(node, ast.ClassDef)], []))
    barred = [*FRAMEWORKS, "deeplab.symbols", "deeplab.train"]
    barred += [f"deeplab.core.{name}" for name in ("looking", "network", "predictor", "trainer")]
    for module in imports_of(top):
        assert not any(inside(module, package) for package in barred), f"{path} imports {module}"


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


def test_the_scanners_see_what_they_look_for():
    source = "import a.b as c\nfrom d import e\ndef f():\n    if x:\n        from mxnet.base import _LIB\n"
    assert imports_of(source) == {"a.b", "d", "d.e", "mxnet.base", "mxnet.base._LIB"}
    assert inside("mxnet.base", "mxnet") and not inside("mxnet_tools", "mxnet")
    assert includes_of('#include <mxnet/base.h>\n  # include "../core/a.h"\n// include "x.h"\n') == [
        "mxnet/base.h",
        "../core/a.h",
    ]
    with pytest.raises(AssertionError, match="relative"):
        imports_of("from . import x")
