# SPDX-License-Identifier: Apache-2.0
"""The wheel of scripts/build_wheel.sh works in fresh environments that have numpy and no compiler, in this Python and
in another."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import numpy
import pytest

from operators.rooms import ROOMS

pytestmark = pytest.mark.wheel
ROOT = Path(__file__).resolve().parent.parent
NO_NETWORK = ("Could not find a version", "No matching distribution", "ConnectionError", "Temporary failure")
PROGRAM = """
import numpy, operators, os, shutil, sys
assert operators.__file__.startswith(sys.prefix), operators.__file__
assert not any(shutil.which(name) for name in ("cc", "c++", "gcc", "g++", "clang"))
from operators.for_numpy import Operator
pool = Operator("PSROIPooling", spatial_scale=1.0, output_dim=1, pooled_size=2, group_size=1)
data, rois = numpy.arange(16.0).reshape(1, 1, 4, 4), numpy.array([[0.0, 0, 0, 3, 3]])
out = pool.forward(data, rois)
assert (out == [[[[2.5, 4.5], [10.5, 12.5]]]]).all(), out
grads = pool.backward(out, data, rois)
assert (grads[0] == numpy.repeat(numpy.repeat(out / 4, 2, axis=2), 2, axis=3)).all()
print("right")
"""


def run(command, **options):
    return subprocess.run(command, capture_output=True, text=True, timeout=1800, **options)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built in a copy of the project, so that no dist/ of the user's is touched."""
    if run([sys.executable, "-m", "pip", "--version"]).returncode:
        pytest.skip("pip is not installed in this Python")
    if not shutil.which(os.environ.get("CXX", "c++")):
        pytest.skip("there is no C++ compiler")
    copy = tmp_path_factory.mktemp("project")
    for name in ("setup.py", "pyproject.toml", "MANIFEST.in", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    for name in ("operators", "lib", "deeplab", "scripts"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    quick = copy / "quick-c++"  # how fast the library computes is not looked at, and -O3 takes minutes
    quick.write_text(f'#!/bin/bash\nexec {os.environ.get("CXX", "c++")} "${{@/#-O3/-O0}}"\n')
    quick.chmod(0o755)
    here = all(importlib.util.find_spec(name) for name in ("setuptools", "wheel", "Cython"))
    done = run(
        [str(copy / "scripts" / "build_wheel.sh"), *(["--no-build-isolation"] if here else [])],
        env={**os.environ, "PYTHON": sys.executable, "ACTIVE_CONVNETS_CUDA": "0", "CXX": str(quick)},
    )
    if done.returncode and not here and any(text in done.stderr for text in NO_NETWORK):
        pytest.skip(f"pip cannot fetch what it builds with: {done.stderr.strip().splitlines()[-1]}")
    assert done.returncode == 0, done.stderr
    return copy / done.stdout.strip()


def test_what_is_in_it(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    libraries = [name for name in names if name.endswith(".so")]
    assert sorted(libraries) == ["operators/core/libactive_convnets.so", "operators/for_numpy/front.abi3.so"]
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"operators"}
    (top,) = (name for name in names if name.endswith(".dist-info/top_level.txt"))
    assert zipfile.ZipFile(wheel).read(top).split() == [b"operators"]
    for room in ROOMS:
        assert {f"operators/{room}/README.md", f"operators/{room}/reference.py"} <= set(names), room
    assert "-cp39-abi3-linux_" in wheel.name  # Python 3.9 and all later ones


def metadata(wheel) -> list:
    files = zipfile.ZipFile(wheel)
    (name,) = (name for name in files.namelist() if name.endswith(".dist-info/METADATA"))
    return files.read(name).decode().splitlines()


def test_what_it_asks_for(wheel):
    """NumPy alone, and only MXNet has bounds of its own."""
    lines = metadata(wheel)
    required = [line.partition(": ")[2] for line in lines if line.startswith("Requires-Dist: ")]
    assert [line for line in required if "extra ==" not in line] == ["numpy>=1.23"]
    assert "Requires-Python: >=3.9" in lines
    for extra in ("mxnet", "mxnet-cu112", "mxnet-cu117"):
        mine = [line for line in required if f'extra == "{extra}"' in line]
        assert {line.split("==")[0].split("<")[0] for line in mine} == {extra, "numpy"}, mine
        assert all('python_version < "3.12"' in line for line in mine) and any("numpy<1.24" in line for line in mine)
    (torch,) = (line for line in required if 'extra == "torch"' in line)
    assert torch.startswith("torch>=2.4;")


def other_python() -> str:
    """The newest Python of this machine that is not this one; skips where there is none."""
    places = [shutil.which(f"python3.{minor}") for minor in range(16, 8, -1)]
    places += sorted(map(str, Path(os.environ.get("PYENV_ROOT", "/")).glob("versions/3.*/bin/python")))
    found = {}
    for place in filter(None, places):
        done = run([place, "-c", "import sys, ensurepip; print(*sys.version_info[:2])"])
        if done.returncode == 0 and (3, 9) <= tuple(map(int, done.stdout.split())) != sys.version_info[:2]:
            found[tuple(map(int, done.stdout.split()))] = place
    if not found:
        pytest.skip("this machine has no Python but this one, from 3.9 on")
    return found[max(found)]


def test_it_runs_in_another_python_with_its_newest_numpy(wheel, tmp_path):
    python = tmp_path / "other" / "bin" / "python"
    assert run([other_python(), "-m", "venv", tmp_path / "other"]).returncode == 0
    done = run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", wheel])
    if done.returncode and any(text in done.stderr for text in NO_NETWORK):
        pytest.skip(f"pip cannot fetch numpy: {done.stderr.strip().splitlines()[-1]}")
    assert done.returncode == 0, done.stderr
    alone = {"PATH": str(tmp_path / "other" / "bin"), "HOME": str(tmp_path)}
    done = run([python, "-c", PROGRAM], cwd=tmp_path, env=alone)
    assert done.stdout == "right\n", done.stderr
    done = run([python, "-c", "import operators.for_torch"], cwd=tmp_path, env=alone)
    assert done.returncode == 1
    assert "MissingExtra: torch not installed: pip install 'active-convnets[torch]'" in done.stderr


def test_it_runs_where_there_is_no_compiler(wheel, tmp_path):
    place = tmp_path / "fresh"
    venv.create(place, symlinks=True)
    python = place / "bin" / "python"
    done = run(
        [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", "--no-index", wheel]
    )
    assert done.returncode == 0, done.stderr
    packages = next(place.glob("lib/python*/site-packages"))
    for source in Path(numpy.__file__).resolve().parent.parent.glob("numpy*"):  # numpy, its libraries, its metadata
        (packages / source.name).symlink_to(source)
    alone = {"PATH": str(place / "bin"), "HOME": str(tmp_path)}
    done = run([python, "-c", PROGRAM], cwd=tmp_path, env=alone)
    assert done.stdout == "right\n", done.stderr
    done = run([python, "-m", "operators", "doctor"], cwd=tmp_path, env=alone)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "MXNet: not installed" in done.stdout and str(place) in done.stdout
