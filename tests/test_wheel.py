# SPDX-License-Identifier: Apache-2.0
"""The wheel of scripts/build_wheel.sh works in a fresh environment that has numpy and no compiler."""

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
    here = all(importlib.util.find_spec(name) for name in ("setuptools", "wheel", "Cython"))
    done = run(
        [str(copy / "scripts" / "build_wheel.sh"), *(["--no-build-isolation"] if here else [])],
        env={**os.environ, "PYTHON": sys.executable, "ACTIVE_CONVNETS_CUDA": "0"},
    )
    if done.returncode and not here and any(text in done.stderr for text in NO_NETWORK):
        pytest.skip(f"pip cannot fetch what it builds with: {done.stderr.strip().splitlines()[-1]}")
    assert done.returncode == 0, done.stderr
    return copy / done.stdout.strip()


def test_what_is_in_it(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    libraries = [name for name in names if name.endswith(".so")]
    front = f"operators/for_numpy/front.{sys.implementation.cache_tag}"
    assert sorted(libraries)[0] == "operators/core/libactive_convnets.so"
    assert len(libraries) == 2 and sorted(libraries)[1].startswith(front), libraries
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"operators"}
    (top,) = (name for name in names if name.endswith(".dist-info/top_level.txt"))
    assert zipfile.ZipFile(wheel).read(top).split() == [b"operators"]
    for room in ROOMS:
        assert {f"operators/{room}/README.md", f"operators/{room}/reference.py"} <= set(names), room
    tag = f"cp{sys.version_info[0]}{sys.version_info[1]}"
    assert f"-{tag}-{tag}-linux_" in wheel.name


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
