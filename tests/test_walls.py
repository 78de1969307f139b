# SPDX-License-Identifier: Apache-2.0
"""The walls between the parts of the project: one table of who may import whom, held against every tracked Python file.

(Which C++ file may include what, and what a room must hold, stands in tests/operators/test_operator_walls.py.)
"""

from __future__ import annotations

import ast
import json
import re
import subprocess
from pathlib import Path

import pytest

from operators.rooms import ROOMS

ROOT = Path(__file__).resolve().parents[1]
FRAMEWORKS = {"mxnet", "torch", "torchvision", "tensorflow", "jax", "cupy"}
TESTING = {"pytest", "hypothesis"}
SYSTEMS = {"classify", "deeplab", "detection", "flow", "tracking"}
OURS = {"operators", "lib", *SYSTEMS, "experiments", "benchmarks", "examples", "notebooks", "scripts", "tests"}

# {package: what it may import of this project, of frameworks and of test tools}. The most special package that a file
# belongs to counts; a package may always import itself.
FILES = {"lib.config", "lib.run"}  # what is known everywhere above: settings, and the files of a run
_TESTS = {"operators.core", "operators.checks", "operators.for_numpy", *TESTING}
_SYSTEM = {*FILES, "lib.data", "lib.graphs", "lib.metrics", "lib.looking", "lib.pictures", "lib.system", "lib.weights"}
TABLE = {
    "operators": {"operators.library", "operators.version"},
    "operators.doctor": {"operators", "mxnet", "torch"},
    "operators.__main__": {"operators.doctor", "operators.library", "operators.version"},
    "operators.core": set(),
    **{f"operators.{room}": {"operators.core"} for room in ROOMS},
    **{f"operators.{room}.cases": {"operators.core", "operators.checks"} for room in ROOMS},
    **{f"operators.{room}.test_{room}": {f"operators.{room}", *_TESTS} for room in ROOMS},
    "operators.for_numpy": {"operators.library", "operators.core"},
    "operators.extras": set(),
    "operators.for_mxnet": {"operators.library", "operators.extras", "operators.version", "operators.core", "mxnet"},
    "operators.for_torch": {"operators.library", "operators.extras", "operators.rooms", "operators.core", "torch",
                            "torchvision"},
    "operators.checks": {"operators.core", "operators.for_numpy", "operators.for_torch", "operators.library",
                         "operators.rooms", "torch", *TESTING, *(f"operators.{room}" for room in ROOMS)},
    "operators.checks.mxnet_backends": {"operators.checks", "operators.for_mxnet", "mxnet"},
    "operators.gpu_suite": {"operators", "torch", "torchvision"},
    "lib.extra": {"operators.extras"},
    "lib.crf": {"lib.config", "operators.extras"},
    "lib.config": set(),
    "lib.run": {"lib.config", "operators.extras"},
    "lib.data": {*FILES, "operators.extras"},
    "lib.metrics": set(),
    "lib.boxes": set(),
    "lib.looking": {"lib.run"},
    "lib.system": {"lib.config", "lib.run", "lib.looking"},  # loads a system by its name: the one place that reaches up
    "lib.graphs": {"lib.config", "lib.run", "lib.system"},
    "lib.nets": {*FILES, "lib.boxes", "mxnet"},
    "lib.nets.operators": {"operators", "operators.for_mxnet", "operators.library"},
    "lib.modules": {"lib.boxes", "lib.config", "torch"},
    "lib.modules.operators": {"operators", "operators.for_torch"},
    "lib.engines": {*FILES, "lib.engines.mxnet", "lib.engines.torch"},
    "lib.engines.engine": FILES,
    "lib.engines.mxnet": {*FILES, "lib.engines.engine", "lib.nets", "mxnet"},
    "lib.engines.torch": {*FILES, "lib.engines.engine", "lib.looking", "lib.modules", "torch"},
    "lib.weights": {*FILES, "lib.extra", "lib.nets", "mxnet", "torch"},
    "lib.weights.onnx": {*FILES, "lib.boxes", "lib.modules.operators", "lib.weights", "torch"},
    "lib.weights.onnx.__main__": {*FILES, "lib.weights.onnx", "lib.commands", "lib.predictors", "operators.extras"},
    "lib.predictors": {*FILES, "lib.engines", "lib.looking"},
    "lib.pictures": {*FILES, "lib.data", "lib.looking", "lib.system", "lib.weights", "lib.predictors"},
    "lib.launch": {*FILES, "lib.extra", "lib.system"},
    "lib.launch.role": {"mxnet"},  # becomes one of MXNet's servers by importing it
    "lib.commands": {*FILES, "lib.extra", "lib.data", "lib.engines", "lib.looking", "lib.pictures", "lib.predictors",
                     "lib.system"},
    "lib": set(),
    "deeplab": {*_SYSTEM, "lib.commands", "lib.crf"},
    "deeplab.symbols": {"lib.nets", "deeplab", "mxnet"},
    "classify": _SYSTEM,
    "classify.symbols": {"lib.nets", "classify", "mxnet"},
    "flow": {*_SYSTEM, "lib.commands", "lib.predictors"},
    "flow.symbols": {"lib.nets", "flow", "mxnet"},
    "detection": {*_SYSTEM, "lib.boxes", "lib.commands", "lib.predictors", "operators.extras"},
    "detection.symbols": {"lib.nets", "detection", "mxnet"},
    "tracking": {*_SYSTEM, "lib.boxes", "lib.commands", "lib.predictors"},
    "experiments": {*FILES, "lib.extra", "lib.system"},
    "benchmarks": {"operators", "lib", "deeplab", "detection", "mxnet", "torch", "torchvision"},
    "examples": {"operators", "lib.data", "mxnet", "torch"},
    "examples.two_frameworks": {*FILES, "operators.for_mxnet", "lib.data", "lib.engines", "classify", "examples",
                                "mxnet"},
    "notebooks": {"lib", "deeplab", "operators"},
    "scripts": {"operators", "mxnet"},
    "tests": {*OURS, *FRAMEWORKS, *TESTING},
    "conftest": TESTING,
    "setup": set(),
}  # fmt: skip

# Leaks that are known: (file, module): reason. One that is no longer there must go from this list.
EXCEPTIONS: dict[tuple[str, str], str] = {}


def tracked() -> list[str]:
    done = subprocess.run(["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [name for name in done.stdout.split() if (ROOT / name).is_file()]


def module_of(name: str) -> str:
    parts = Path(name).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def package_of(module: str) -> str | None:
    """The most special package of the table that a module belongs to."""
    parts = module.split(".")
    names = (".".join(parts[:count]) for count in range(len(parts), 0, -1))
    return next((name for name in names if name in TABLE), None)


def inside(module: str, package: str) -> bool:
    return module == package or module.startswith(package + ".")


def imports_of(source: str) -> set[str]:
    """Every module that a Python source imports, anywhere in it; `from a import b` counts as a.b."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "a relative import"
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


def leaks(name: str, source: str) -> set[str]:
    """What a file imports and may not."""
    package = package_of(module_of(name))
    wrong = set()
    for module in imports_of(source):
        if module.split(".")[0] not in OURS | FRAMEWORKS | TESTING:
            continue
        # A package's own name allows the modules that no more special package holds.
        target = package_of(module) or module.split(".")[0]
        allowed = {package, *TABLE[package]}
        fits = any(target == each or (inside(target, each) and each in _WHOLE) for each in allowed)
        if not fits and not any(inside(module, each) for each in allowed - TABLE.keys()):
            wrong.add(module)
    return wrong


# Allowing one of these allows everything below it.
_WHOLE = {"operators", "lib", *SYSTEMS, "operators.core", "operators.for_mxnet", "operators.for_torch", "lib.run",
          "operators.checks", "tests", "experiments", "benchmarks", "examples", "notebooks", "scripts", "lib.engines",
          "lib.nets", "lib.modules", *(f"operators.{room}" for room in ROOMS)}  # fmt: skip


@pytest.mark.parametrize("name", tracked())
def test_a_file_imports_what_its_package_may(name):
    assert package_of(module_of(name)) is not None, f"{name} belongs to no package of the table"
    found = leaks(name, (ROOT / name).read_text(encoding="utf-8"))
    known = {module for file, module in EXCEPTIONS if file == name}
    assert not found - known, f"{name} imports {', '.join(sorted(found - known))}"
    assert not known - found, f"{name} no longer imports {', '.join(sorted(known - found))}: take it from EXCEPTIONS"


@pytest.mark.parametrize("package", TABLE)
def test_a_package_of_the_table_has_files(package):
    assert any(inside(module_of(name), package) for name in tracked()), f"{package} has no files: was it renamed?"


def test_nobody_imports_experiments_and_systems_do_not_know_each_other():
    systems = {Path(name).parts[0] for name in tracked() if Path(name).name == "system.py"} - {"lib"}
    assert systems
    for package, allowed in TABLE.items():
        if package != "tests":
            assert not any(inside(each, "experiments") for each in allowed), package
        if package.split(".")[0] in systems:
            others = systems - {package.split(".")[0]}
            assert not any(inside(each, other) for each in allowed for other in others), package


@pytest.mark.parametrize("name", [name for name in tracked() if name.startswith("lib/pictures/")])
def test_pictures_load_no_framework_until_they_need_a_network(name):
    """Drawing needs files and NumPy. Only a function that runs a network imports what loads one."""
    tree = ast.parse((ROOT / name).read_text(encoding="utf-8"))
    top = [node for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]
    for module in imports_of(ast.unparse(ast.Module(top, []))):
        barred = [*FRAMEWORKS, "lib.engines", "lib.nets", "lib.modules", "lib.predictors", "lib.commands"]
        assert not any(inside(module, package) for package in barred), f"{name} imports {module}"


NOTEBOOK_MODULES = ["numpy", "matplotlib", "matplotlib_inline", "IPython", "lib.pictures", "lib.looking", "lib.run",
                    *(f"{system}.{part}" for system in SYSTEMS for part in ("looker", "pictures"))]  # fmt: skip


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").rglob("*.ipynb")), ids=lambda path: path.name)
def test_notebooks_know_pictures_and_references_only(path):
    """Never the training loop, the network or a front, not even through a shell."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    assert not re.search(r"^\s*[%!]", code, re.MULTILINE), f"{path} runs a command"
    references = [f"operators.{room}.reference" for room in ROOMS]
    for module in imports_of(code):
        assert any(inside(module, allowed) for allowed in NOTEBOOK_MODULES + references), f"{path} imports {module}"
    for name in ("exec", "eval", "__import__", "import_module", "subprocess"):
        assert name not in code, f"{path} uses {name}"


def test_the_scanner_sees_what_it_looks_for():
    source = "import a.b as c\nfrom d import e\ndef f():\n    if x:\n        from mxnet.base import _LIB\n"
    assert imports_of(source) == {"a.b", "d.e", "mxnet.base._LIB"}
    with pytest.raises(AssertionError, match="relative"):
        imports_of("from . import x")
    assert leaks("lib/run/loop.py", "import mxnet as mx\nimport numpy\nfrom lib.config import load\n") == {"mxnet"}
    assert leaks("lib/looking/layers.py", "from deeplab.schema import Config\n") == {"deeplab.schema.Config"}
    assert leaks("lib/engines/torch/engine.py", "from lib.engines.mxnet import engine\nimport torch.nn\n") == {
        "lib.engines.mxnet.engine"
    }
    assert leaks("deeplab/task.py", "import torch\nfrom operators.library import x\nfrom lib.engines import y\n") == {
        "torch", "operators.library.x", "lib.engines.y"
    }  # fmt: skip
    assert leaks("experiments/sweep.py", "from deeplab.data import x\n") == {"deeplab.data.x"}


def test_packages_import_in_no_circle():
    """Which the drawing in docs/architecture.md needs, and readers more so."""
    from scripts.draw_architecture import arrows, floors

    found = arrows(ROOT)
    level = floors(found)  # raises ValueError that names a circle
    assert all(level[name] > level[target] for name, targets in found.items() for target in targets)
    assert level["lib.run"] < level["lib.commands"] < level["detection"]
    with pytest.raises(ValueError, match="imports in a circle: lib.config -> lib.run -> lib.config"):
        floors({"lib.run": ["lib.config"], "lib.config": ["lib.run"]})
