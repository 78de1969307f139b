# SPDX-License-Identifier: Apache-2.0
"""Whole commands on a disk that fills at some byte: told in a sentence, no file cut, nothing old lost; with room again
the command ends as if nothing had happened."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from small_runs import ROOT, call, config, folder, losses, make, state

from lib.run import params

PLENTY = 1 << 40


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    place = make(tmp_path_factory.mktemp("disk"))
    call(place, "lib.commands.train", config(place, "quick_acn"), "TRAIN.end_epoch=2", "run.name=whole")
    call(place, "lib.commands.test", "quick_acn.yaml", "TRAIN.end_epoch=2", "run.name=whole")
    return place


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    compiler = shutil.which("cc")
    if compiler is None or sys.platform != "linux":
        pytest.skip("the stand-in for a full disk needs Linux and a C compiler")
    made = tmp_path_factory.mktemp("library") / "full_disk.so"
    source = Path(__file__).with_name("full_disk.c")
    subprocess.run([compiler, "-O1", "-shared", "-fPIC", source, "-o", made, "-ldl"], check=True)
    return made


def call_on_disk(library, place: Path, room: int, module: str, *arguments) -> tuple[int, str, int]:
    """Exit status, what was said, and the bytes that were written below place/output, or asked for."""
    left = place / "left"
    left.write_bytes(room.to_bytes(8, sys.byteorder, signed=True))
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([os.environ.get("PYTHONPATH", ""), str(ROOT)]),
        "LD_PRELOAD": str(library),
        "FULL_DISK_LEFT": str(left),
        "FULL_DISK_UNDER": str((place / "output").resolve()),
    }
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments], cwd=place, env=environment, text=True, capture_output=True
    )
    rest = int.from_bytes(left.read_bytes(), sys.byteorder, signed=True)
    return done.returncode, done.stdout + done.stderr, room - rest


def assert_whole(top: Path) -> None:
    """Every file below is complete, and none is a leftover."""
    for path in (each for each in top.rglob("*") if each.is_file()):
        assert not path.name.startswith(".") or path.name.startswith(".lock"), f"a leftover: {path}"
        content = path.read_bytes()
        if path.suffix == ".params":
            params.load(path)
        elif path.suffix == ".npz":
            with np.load(path) as saved:
                assert all(saved[name] is not None for name in saved.files)
        elif path.suffix in (".png", ".gif"):
            with Image.open(path) as image:
                image.load()
        elif path.suffix == ".json":
            json.loads(content)
        elif path.suffix in (".html", ".svg"):
            assert content.rstrip().endswith((b"</html>", b"</svg>"))


@pytest.mark.parametrize("share", [0.02, 0.55, 0.97])
def test_training(place, library, share):
    whole = folder(place, "whole")
    total = sum(path.stat().st_size for path in whole.parent.rglob("*") if path.is_file())
    name = f"full{share}"
    arguments = ["lib.commands.train", "quick_acn.yaml", "TRAIN.end_epoch=2", f"run.name={name}"]
    status, said, _ = call_on_disk(library, place, int(share * total), *arguments)
    assert status == 1 and "No space left on device" in said and "Traceback" not in said, said
    assert_whole(place / "output")
    call(place, *arguments)
    assert losses(place, name) == losses(place, "whole")
    assert state(place, name, 2) == state(place, "whole", 2)


@pytest.mark.parametrize("command", ["test", "predict", "inspect", "summary"])
def test_a_command_that_looks(place, library, command):
    picture = next((place / "streets" / "leftImg8bit" / "val").rglob("*.png"))
    more = [str(picture)] if command in ("predict", "inspect") else []
    arguments = [f"lib.commands.{command}", "quick_acn.yaml", "TRAIN.end_epoch=2", "run.name=whole", *more]
    kept = state(place, "whole", 2)
    status, said, asked = call_on_disk(library, place, 5000, *arguments)
    assert asked > 5000 and status == 1 and "No space left on device" in said and "Traceback" not in said, said
    assert_whole(place / "output")
    call(place, *arguments)
    assert_whole(place / "output")
    assert state(place, "whole", 2) == kept
