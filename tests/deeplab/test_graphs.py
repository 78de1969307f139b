# SPDX-License-Identifier: Apache-2.0
"""A machine without MXNet trains, tests and inspects with PyTorch, on graphs that were brought along."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="PyTorch is not installed here")

from lib.data.streets.write import Settings, generate

ROOT = Path(__file__).parents[2]
# Started by the interpreter itself: there is no MXNet, whoever asks.
WITHOUT_MXNET = """
import importlib.util, sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "mxnet":
            raise ModuleNotFoundError("No module named 'mxnet' (the test has hidden it)", name="mxnet")
sys.meta_path.insert(0, Refuse())
found = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: None if name == "mxnet" else found(name, package)
"""
SMALL = {
    "BASE": str(ROOT / "experiments/deeplab/cfgs/quick_dcn.yaml"),
    "SCALES": [64, 96],
    "dataset": {"dataset_path": "streets"},
    "net": {"depth": 10, "width": 5, "head_channels": 7},
    "run": {"threads": 1},
    "TRAIN": {"end_epoch": 1, "BATCH_IMAGES": 2},
    "engine": "torch",
}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    place = tmp_path_factory.mktemp("graphs")
    generate(place / "streets", Settings(train=4, val=2, height=64, width=96, seed=3))
    (place / "small.yaml").write_text(json.dumps(SMALL))  # JSON is YAML
    (place / "hidden").mkdir()
    (place / "hidden" / "sitecustomize.py").write_text(WITHOUT_MXNET)
    return place


def call(place, module, *arguments, hidden=True, status=0) -> str:
    path = [str(place / "hidden")] if hidden else []
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([*path, str(ROOT)])}
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, cwd=place, env=environment, text=True, capture_output=True, timeout=300)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_graphs_that_were_brought_along_serve_without_mxnet(place):
    said = call(place, "lib.commands.train", "small.yaml", status=1)
    assert "symbol: MXNet builds the graph" in said and "python -m deeplab.graphs small" in said
    kept = [Path(line) for line in call(place, "deeplab.graphs", "small.yaml", hidden=False).split()]
    try:
        call(place, "lib.commands.train", "small.yaml")
        call(place, "lib.commands.test", "small.yaml", "--both")
        results = json.loads((place / "output/streets/small/leftImg8bit_val/results.json").read_text())
        assert 0 <= results["value"] <= 1 and results["engine"] == "torch"
        picture = next((place / "streets/leftImg8bit/val").rglob("*.png"))
        assert "page.html" in call(place, "lib.commands.inspect", "small.yaml", str(picture))
        assert "engine: mxnet is not installed" in call(
            place, "lib.commands.test", "small.yaml", "engine=mxnet", status=1
        )
    finally:
        for path in kept:
            path.unlink()
