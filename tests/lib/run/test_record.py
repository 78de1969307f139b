# SPDX-License-Identifier: Apache-2.0
"""Every run says what it was made with, and made again with that it gives the same, bit for bit."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import mxnet as mx
import numpy as np
import pytest

from lib.data.streets.write import Settings, generate
from lib.run.record import read_record, recorded

ROOT = Path(__file__).parents[3]
QUICK = ROOT / "experiments/deeplab/cfgs/quick_acn.yaml"


@pytest.fixture(scope="module")
def twice(tmp_path_factory):
    """The folders of two runs of one configuration, each in a process with two threads."""
    place = tmp_path_factory.mktemp("record")
    generate(place / "streets", Settings(train=6, val=1, height=64, width=96, seed=3))
    small = ["SCALES=[64,96]", "net.depth=18", "net.width=8", "net.head_channels=16", "TRAIN.BATCH_IMAGES=4",
             "TRAIN.end_epoch=1", "run.threads=2", "run.seed=5", f"dataset.dataset_path={place}/streets"]  # fmt: skip
    path = os.pathsep.join([os.environ.get("PYTHONPATH", ""), str(ROOT)])
    environment = {**os.environ, "PYTHONPATH": path, "MXNET_SOME_SETTING": "7"}
    folders = []
    for name in ("first", "second"):
        settings = [*small, f"output_path={place}", f"run.name={name}"]
        command = [sys.executable, "-m", "lib.commands.train", str(QUICK), *settings]
        run = subprocess.run(command, env=environment, cwd=place, capture_output=True, text=True, timeout=300)
        assert run.returncode == 0, run.stderr
        folders.append(place / name / "leftImg8bit_train")
    return folders


def test_two_runs_of_one_seed_and_thread_count_are_bit_equal(twice):
    losses, files = [], []
    for folder in twice:
        lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
        losses.append([line["loss"] for line in lines if line["event"] == "update"])
        files.append([(folder / f"deeplab-0001.{ending}").read_bytes() for ending in ("params", "momentum.npz")])
    assert len(losses[0]) == 3 and np.isfinite(losses[0]).all()
    assert losses[0] == losses[1]
    assert files[0] == files[1]


def test_run_folder_says_what_the_run_was_made_with(twice):
    record = read_record(twice[0])
    assert (record["status"], record["error"], record["begin_epoch"], record["earlier"]) == ("done", None, 0, [])
    started, ended = (datetime.fromisoformat(record[key]) for key in ("started", "ended"))
    assert started.utcoffset().total_seconds() == 0 and started <= ended and record["seconds"] > 0
    assert (record["seed"], record["threads"], record["operator_threads"]) == (5, 2, 2)
    assert record["devices"] == ["cpu(0)"] and record["instruction_set"] in ("v2", "v3", "v4")
    assert record["machine"]["cores"] == os.cpu_count() and record["machine"]["processor"]
    assert record["machine"]["usable_cores"] == len(os.sched_getaffinity(0))
    versions = record["versions"]
    assert versions["python"] == platform.python_version() and versions["active-convnets"]
    assert (versions["mxnet"], versions["numpy"]) == (mx.__version__, np.__version__)
    assert record["environment"]["MXNET_SOME_SETTING"] == "7" and "PATH" not in record["environment"]
    assert record["config"]["net"]["width"] == 8 and record["config"]["TRAIN"]["lr"] == 0.1
    assert record["command"][:2] == ["train.py", str(QUICK)]
    assert (record["engine"], record["system"], record["workers"]) == ("mxnet", "deeplab", 1)
    git = subprocess.run(["git", "-C", ROOT, "rev-parse", "HEAD"], capture_output=True, text=True)
    assert record["commit"] == (git.stdout.strip() or None)
    assert record["dirty"] in ((True, False) if record["commit"] else (None,))


def test_record_tells_how_a_run_ended_and_keeps_the_earlier_ones(tmp_path):
    with pytest.raises(ValueError), recorded(tmp_path, {"seed": 1, "config": {}}):
        assert read_record(tmp_path)["status"] == "running" and read_record(tmp_path)["ended"] is None
        raise ValueError("no such thing")
    with pytest.raises(KeyboardInterrupt), recorded(tmp_path, {"seed": 2, "config": {}}):
        raise KeyboardInterrupt
    with recorded(tmp_path, {"seed": 3, "config": {}}):
        pass
    record = read_record(tmp_path)
    told = [(each["seed"], each["status"], each["error"]) for each in [*record["earlier"], record]]
    assert told == [(1, "failed", "ValueError: no such thing"), (2, "interrupted", None), (3, "done", None)]
    assert all("earlier" not in each for each in record["earlier"])
