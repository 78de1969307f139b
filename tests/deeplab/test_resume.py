# SPDX-License-Identifier: Apache-2.0
"""A training that is killed in the middle of an epoch goes on as if nothing had happened, bit for bit."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

QUICK = Path(__file__).parents[2] / "experiments" / "deeplab" / "cfgs" / "quick_acn_warmup.yaml"
# 12 images of 64x96, mirrored too, 4 at a time: 6 updates per epoch. Offsets are held for the first epoch.
SMALL = {
    "SCALES": [64, 96],
    "dataset": {"dataset_path": "streets"},
    "net": {"depth": 18, "width": 8, "head_channels": 16},
    "run": {"offset_warmup_epochs": 1, "threads": 1},
    "TRAIN": {"end_epoch": 3, "BATCH_IMAGES": 4, "warmup_step": 4, "lr_step": "2.5", "ENABLE_CROP": True,
              "CROP_HEIGHT": 48, "CROP_WIDTH": 64},
    "TEST": {"BATCH_IMAGES": 4},
}  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with small streets and the configuration of a small active network."""
    place = tmp_path_factory.mktemp("resume")
    (place / "small.yaml").write_text(json.dumps({"BASE": str(QUICK), **SMALL}))  # JSON is YAML
    call(place, "lib.data.streets", "streets", "--train", "12", "--val", "4", "--size", "64x96", "--seed", "1")
    return place


def start(place, module, *arguments, **options):
    path = os.pathsep.join([os.environ.get("PYTHONPATH", ""), str(QUICK.parents[3])])
    environment = {**os.environ, "PYTHONPATH": path}
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.Popen(command, cwd=place, env=environment, text=True, **options)


def call(place, module, *arguments, status=0) -> str:
    process = start(place, module, *arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    said, _ = process.communicate(timeout=300)
    assert process.returncode == status, said
    return said


def lines(place, run):
    path = place / f"output/streets/{run}/leftImg8bit_train/metrics.jsonl"
    text = path.read_text() if path.exists() else ""
    return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]


def losses(place, run):
    return [(line["update"], line["lr"], line["loss"]) for line in lines(place, run) if line["event"] == "update"]


def wait_until(condition, process, seconds=200):
    end = time.time() + seconds
    while not condition():
        assert process.poll() is None and time.time() < end, "training ended or hung before it could be stopped"
        time.sleep(0.01)


@pytest.fixture(scope="module")
def unbroken(place):
    call(place, "lib.commands.train", "small.yaml", "run.name=unbroken")
    return losses(place, "unbroken")


def test_unbroken_run_is_complete(place, unbroken):
    assert [update for update, _, _ in unbroken] == list(range(1, 19))
    folder = place / "output/streets/unbroken/leftImg8bit_train"
    expected = {f"deeplab-{k:04d}.{end}" for k in (1, 2, 3) for end in ("params", "momentum.npz", "npz", "json")}
    assert {path.name for path in folder.glob("deeplab-*")} == expected | {"deeplab-symbol.json"}
    state = json.loads((folder / "deeplab-0003.json").read_text())
    assert (state["epoch"], state["update"], state["images"], state["threads"]) == (3, 18, 24, 1)
    assert state["config"]["net"]["width"] == 8 and state["versions"]["mxnet"]
    assert [path for path in folder.iterdir() if path.name.startswith(".deeplab")] == []


def test_offsets_stay_exactly_zero_during_warm_up_and_move_after_it(place, unbroken):
    epochs = [line["offsets"] for line in lines(place, "unbroken") if line["event"] == "epoch"]
    assert all(each == {"mean": 0.0, "max": 0.0} for each in epochs[0].values()) and len(epochs[0]) == 2
    assert all(0 < each["mean"] <= each["max"] for epoch in epochs[1:] for each in epoch.values())


@pytest.fixture(scope="module")
def resumed(place):
    """The name of a run that was killed in the middle of an epoch and then went on."""
    # Many epochs, so that however slow this process is, the training cannot end before it is killed.
    command = ("lib.commands.train", "small.yaml", "run.name=killed")
    process = start(place, *command, "TRAIN.end_epoch=1000", stderr=subprocess.DEVNULL)
    wait_until(lambda: len(losses(place, "killed")) >= 8, process)
    process.send_signal(signal.SIGSTOP)
    while len(losses(place, "killed")) % 6 == 0:  # between two epochs: a little further
        process.send_signal(signal.SIGCONT)
        time.sleep(0.02)
        process.send_signal(signal.SIGSTOP)
    process.send_signal(signal.SIGKILL)
    process.wait()
    complete, begun = len(losses(place, "killed")) // 6, len(losses(place, "killed"))
    end = max(3, complete + 1)
    said = call(place, *command, f"TRAIN.end_epoch={end}")
    assert f"continue after epoch {complete} of" in said
    assert begun % 6 and len(losses(place, "killed")) == 6 * end
    return "killed"


def test_killed_run_continues_with_the_same_losses_bit_for_bit(place, unbroken, resumed):
    assert losses(place, resumed)[:18] == unbroken
    last = [place / f"output/streets/{run}/leftImg8bit_train/deeplab-0003.params" for run in ("unbroken", resumed)]
    assert last[0].read_bytes() == last[1].read_bytes()


def test_interrupted_run_says_where_it_continues(place, unbroken):
    command = ("lib.commands.train", "small.yaml", "run.name=stopped")
    process = start(place, *command, "TRAIN.end_epoch=1000", stderr=subprocess.PIPE)
    log = place / "output/streets/stopped/leftImg8bit_train"
    wait_until(lambda: (log / "deeplab-0001.json").exists(), process)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "interrupted; the same command continues after epoch" in said and "Traceback" not in said
    end = max(3, len(list(log.glob("deeplab-*.json"))))  # with the symbol's, one more than there are epochs
    call(place, *command, f"TRAIN.end_epoch={end}")
    assert losses(place, "stopped")[:18] == unbroken


def test_finished_run_is_skipped_and_another_configuration_refused(place, unbroken):
    said = call(place, "lib.commands.train", "small.yaml", "run.name=unbroken")
    assert "has all 3 epochs: nothing to train" in said
    said = call(place, "lib.commands.train", "small.yaml", "run.name=unbroken", "TRAIN.wd=0", status=1)
    assert "TRAIN.wd: 0.0005 -> 0.0" in said and "Traceback" not in said
    assert losses(place, "unbroken") == unbroken


def test_evaluation_of_the_resumed_run_and_the_summary(place, resumed):
    run = f"run.name={resumed}"
    said = call(place, "lib.commands.test", "small.yaml", run, "--both")
    assert "testing 4/4 data " in said and said.count("meanIU:0.") == 2 and "evaluate segmentation:" in said
    assert "IU by class: road: 0." in said and ", bicycle: 0." in said
    folder = place / f"output/streets/{resumed}/leftImg8bit_val"
    learned, zero = (json.loads((folder / name).read_text()) for name in ("results.json", "results_zero_offsets.json"))
    assert learned["sha256"] == zero["sha256"] and len(learned["IU"]) == 19
    assert (learned["metric"], learned["value"], learned["parts"]) == ("meanIU", learned["meanIU"], learned["IU"])
    assert learned["epoch"] == len(losses(place, resumed)) // 6  # TEST.test_epoch is 0: the last one
    assert len(list(folder.glob("results/*/*.png"))) == len(list(folder.glob("results_zero_offsets/*/*.png"))) == 4
    assert "testing" not in call(place, "lib.commands.test", "small.yaml", run)
    assert "testing 4/4" in call(place, "lib.commands.test", "small.yaml", run, "--ignore_cache")
    said = call(place, "lib.commands.summary", "small.yaml", run)
    assert "with its offsets set to 0: 0." in said and "from the offsets)" in said
    assert (place / f"output/streets/{resumed}/summary.png").stat().st_size > 50_000


def test_prediction_of_a_picture_of_any_size(place, unbroken):
    from PIL import Image

    Image.new("RGB", (301, 111), "gray").save(place / "some.png")
    said = call(place, "lib.commands.predict", "small.yaml", "some.png", "run.name=unbroken", "--out", "shown")
    assert said.strip().endswith("shown/some_overlay.png")
    overlay = Image.open(place / "shown/some_overlay.png")
    assert overlay.width == 301 and overlay.height > 111


def test_diverging_run_stops_and_says_what_to_try(place):
    said = call(place, "lib.commands.train", "small.yaml", "run.name=wild", "TRAIN.lr=1e18", "TRAIN.warmup=false",
                "run.offset_warmup_epochs=0", status=1)  # fmt: skip
    assert "training diverged: " in said and "largest |offset|" in said and "Try a smaller TRAIN.lr" in said
    assert "Traceback" not in said
