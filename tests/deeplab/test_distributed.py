# SPDX-License-Identifier: Apache-2.0
"""Two workers and a server compute what one process with two devices does, and go on from where a killed worker left.

All comparisons are bit for bit: a gradient is the sum of two, in whatever order.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from processes import MARK, marked, wait_until

from lib.data.streets.write import Settings, generate

ROOT = Path(__file__).parents[2]
# 10 images, mirrored too, 2 at a time: 10 updates an epoch.
SMALL = {
    "BASE": str(ROOT / "experiments/deeplab/cfgs/quick_acn.yaml"),
    "SCALES": [64, 96],
    "output_path": "output",
    "dataset": {"dataset_path": "streets"},
    "net": {"depth": 10, "width": 8, "head_channels": 16},
    "run": {"threads": 1},
    "TRAIN": {"end_epoch": 2, "BATCH_IMAGES": 1, "lr": 0.01, "warmup": False, "lr_step": "1.5"},
}
FROZEN = ["net.train_bn=false", "TRAIN.lr=1e-5"]  # mean 0 and variance 1 stay: larger rates diverge
TWO_DEVICES = ["run.cpus=2", "default.kvstore=local"]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    place = tmp_path_factory.mktemp("distributed")
    generate(place / "streets", Settings(train=10, val=1, height=64, width=96, seed=3))
    (place / "small.yaml").write_text(json.dumps(SMALL))  # JSON is YAML
    return place


def start(place, run, program, *arguments):
    path = os.pathsep.join([os.environ.get("PYTHONPATH", ""), str(ROOT)])
    environment = {**os.environ, "PYTHONPATH": path, MARK: run}
    command = [sys.executable, "-m", program, "small.yaml", f"run.name={run}", *arguments]
    return subprocess.Popen(command, cwd=place, env=environment, stderr=subprocess.PIPE, text=True)


def launch(place, run, *arguments):
    return start(place, run, "lib.launch", "--workers", "2", *arguments)


def finish(process, run, status=0) -> str:
    _, said = process.communicate(timeout=300)
    assert process.returncode == status, said
    assert not marked(run)
    return said


def folder(place, run):
    return place / "output" / run / "leftImg8bit_train"


def losses(place, run):
    path = folder(place, run) / "metrics.jsonl"
    text = path.read_text() if path.exists() else ""
    lines = [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]
    return [(line["update"], line["loss"]) for line in lines if line["event"] == "update"]


def state(place, run, epoch):
    """Parameters and momentum, as bytes."""
    path = folder(place, run) / f"deeplab-{epoch:04d}"
    with np.load(path.with_suffix(".momentum.npz"), allow_pickle=False) as saved:
        momentum = {name: saved[name].tobytes() for name in saved}
    assert "res5a_branch2b_offset" in momentum
    return path.with_suffix(".params").read_bytes(), momentum


def test_twenty_updates_of_two_workers_equal_those_of_one_process(place):
    finish(start(place, "one", "lib.commands.train", *FROZEN, *TWO_DEVICES), "one")
    finish(launch(place, "two", *FROZEN), "two")
    assert len(losses(place, "one")) == 20 and losses(place, "two") == losses(place, "one")
    for epoch in (1, 2):
        assert state(place, "two", epoch) == state(place, "one", epoch)
    record = json.loads((folder(place, "two") / "run.json").read_text())
    assert (record["workers"], record["status"], record["devices"]) == (2, "done", ["cpu(0)"])
    assert len(list(folder(place, "two").glob("*.log"))) == 1  # the first worker writes for all


@pytest.fixture(scope="module")
def unbroken(place):
    """The name of a run of one process with two devices, its statistics trained too."""
    finish(start(place, "unbroken", "lib.commands.train", *TWO_DEVICES), "unbroken")
    return "unbroken"


def test_group_of_a_killed_worker_ends_and_goes_on_exactly(place, unbroken):
    """Killed in the middle of an epoch; then stopped by a signal to one worker; then run to its end."""
    # Many epochs, so that however slow this process is, the training cannot end before it is killed.
    process = launch(place, "killed", "TRAIN.end_epoch=1000")
    wait_until(lambda: len(losses(place, "killed")) >= 13, 200, "an epoch and a bit")
    (victim,) = (pid for pid, (line, its) in marked("killed").items()
                 if its.get("DEEPLAB_RANK") == "1" and "lib.commands.train" in line)  # fmt: skip
    os.kill(victim, signal.SIGKILL)
    took = wait_until(lambda: process.poll() is not None, 60, "the end of the group")
    said = finish(process, "killed", 137)
    assert "launch: worker 1 was killed by SIGKILL" in said and "ended the other 3 processes" in said
    assert took < 40, "a few seconds on a machine that is not overloaded"
    begun = len(losses(place, "killed"))

    process = launch(place, "killed", "TRAIN.end_epoch=1000")
    complete = begun // 10
    wait_until(lambda: len(losses(place, "killed")) >= 10 * complete + 13, 200, "another epoch and a bit")
    (asked,) = (pid for pid, (line, its) in marked("killed").items()
                if its.get("DEEPLAB_RANK") == "1" and "lib.commands.train" in line)  # fmt: skip
    os.kill(asked, signal.SIGTERM)
    said = finish(process, "killed", 130)
    assert f"continue after epoch {complete} of" in said and "interrupted; the same command continues" in said

    end = len(losses(place, "killed")) // 10 + 1
    said = finish(launch(place, "killed", f"TRAIN.end_epoch={end}"), "killed")
    assert len(losses(place, "killed")) == 10 * end and "devices of all workers" not in said
    assert losses(place, "killed")[:20] == losses(place, unbroken)
    assert state(place, "killed", 2) == state(place, unbroken, 2)


def test_worker_that_fails_by_itself_ends_the_group(place):
    said = finish(launch(place, "wild", "TRAIN.lr=1e18"), "wild", 1)
    assert "training diverged: " in said and "Traceback" not in said
    assert re.search(r"launch: worker [01] ended with exit status 1\. Its last lines:", said)
