# SPDX-License-Identifier: Apache-2.0
"""Small trainings in processes of their own: what they print, and what they leave."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
CONFIGS = ROOT / "experiments" / "deeplab" / "cfgs"
# 12 images of 64x96, mirrored too, 4 at a time: 6 updates per epoch.
SMALL = {
    "SCALES": [64, 96],
    "dataset": {"dataset_path": "streets"},
    "net": {"depth": 10, "width": 4, "head_channels": 8},
    "run": {"threads": 1},
    "TRAIN": {"end_epoch": 3, "BATCH_IMAGES": 4, "warmup_step": 4, "lr_step": "2.5"},
    "TEST": {"BATCH_IMAGES": 4},
}


def make(place: Path) -> Path:
    """A folder with small streets."""
    call(place, "lib.data.streets", "streets", "--train", "12", "--val", "4", "--size", "64x96", "--seed", "1")
    return place


def config(place: Path, name: str) -> str:
    """The small form of an experiment, as a file in `place`."""
    path = place / f"{name}.yaml"
    path.write_text(json.dumps({"BASE": str(CONFIGS / f"{name}.yaml"), **SMALL}))  # JSON is YAML
    return path.name


def start(place: Path, module: str, *arguments, **options) -> subprocess.Popen:
    path = os.pathsep.join([os.environ.get("PYTHONPATH", ""), str(ROOT)])
    environment = {**os.environ, "PYTHONPATH": path}
    return subprocess.Popen(
        [sys.executable, "-m", module, *arguments], cwd=place, env=environment, text=True, **options
    )


def call(place: Path, module: str, *arguments, status: int = 0) -> str:
    process = start(place, module, *arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    said, _ = process.communicate(timeout=300)
    assert process.returncode == status, said
    return said


def folder(place: Path, run: str) -> Path:
    return place / "output" / "streets" / run / "leftImg8bit_train"


def lines(place: Path, run: str) -> list[dict]:
    path = folder(place, run) / "metrics.jsonl"
    text = path.read_text() if path.exists() else ""
    return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]


def losses(place: Path, run: str) -> list[float]:
    return [line["loss"] for line in lines(place, run) if line["event"] == "update"]


def state(place: Path, run: str, epoch: int) -> tuple[bytes, bytes]:
    """Parameters and momentum of an epoch, as bytes."""
    prefix = folder(place, run) / f"deeplab-{epoch:04d}"
    return prefix.with_suffix(".params").read_bytes(), prefix.with_suffix(".momentum.npz").read_bytes()
