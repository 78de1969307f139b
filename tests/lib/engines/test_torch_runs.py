# SPDX-License-Identifier: Apache-2.0
"""The PyTorch engine as a user starts it: killed and resumed, several workers, evaluated, without a GPU."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time

import numpy as np
import pytest

pytest.importorskip("torch", reason="PyTorch is not installed here")

from small_runs import call, config, folder, losses, make, start, state


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return make(tmp_path_factory.mktemp("torch"))


@pytest.fixture(scope="module")
def unbroken(place):
    call(place, "lib.commands.train", config(place, "quick_acn"), "engine=torch", "run.name=unbroken")
    return losses(place, "unbroken")


def test_a_killed_run_goes_on_as_if_nothing_had_happened(place, unbroken):
    assert len(unbroken) == 18
    arguments = [config(place, "quick_acn"), "engine=torch", "run.name=killed"]
    process = start(place, "lib.commands.train", *arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    end = time.time() + 200
    while len(losses(place, "killed")) < 8:
        assert process.poll() is None and time.time() < end, "training ended or hung before it could be killed"
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    said = call(place, "lib.commands.train", *arguments)
    assert "continue after epoch" in said
    assert losses(place, "killed") == unbroken
    assert state(place, "killed", 3) == state(place, "unbroken", 3)


def test_evaluation_prediction_inspection_and_summary(place, unbroken):
    run = ["quick_acn.yaml", "engine=torch", "run.name=unbroken"]
    call(place, "lib.commands.test", *run, "--both")
    results = json.loads((folder(place, "unbroken").parent / "leftImg8bit_val" / "results.json").read_text())
    assert results["metric"] == "meanIU" and results["value"] == results["meanIU"] and results["engine"] == "torch"
    call(place, "lib.commands.test", "quick_acn.yaml", "engine=mxnet", "run.name=unbroken")
    other = json.loads((folder(place, "unbroken").parent / "leftImg8bit_val" / "results.json").read_text())
    difference = np.abs(np.array(other["confusion"]) - results["confusion"]).sum()
    assert other["engine"] == "mxnet" and difference < 1e-3 * np.sum(results["confusion"])
    picture = next((place / "streets" / "leftImg8bit" / "val").rglob("*.png"))
    assert "_overlay.png" in call(place, "lib.commands.predict", *run, str(picture))
    assert "page.html" in call(place, "lib.commands.inspect", *run, str(picture))
    assert "summary.png" in call(place, "lib.commands.summary", *run)


def test_two_workers_compute_what_one_process_does_image_by_image(place):
    name = config(place, "quick_acn")
    more = ["engine=torch", "TRAIN.BATCH_IMAGES=1", "TRAIN.end_epoch=2"]
    call(place, "lib.commands.train", name, *more, "run.name=one", "run.cpus=2")
    call(place, "lib.launch", name, "--workers", "2", *more, "run.name=two")
    assert len(losses(place, "one")) == 24 and losses(place, "one") == losses(place, "two")
    assert state(place, "one", 2) == state(place, "two", 2)


def test_a_missing_gpu_is_an_error_that_names_the_setting(place):
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    said = call(
        place, "lib.commands.train", config(place, "quick_acn"), "engine=torch", "gpus=0", "run.name=g", status=1
    )
    assert "gpus: '0' asks for GPU 0, but PyTorch" in said and "sees no GPU" in said
    said = call(place, "lib.commands.train", "quick_acn.yaml", "engine=torch", "gpus='0,1'", "run.name=g", status=1)
    assert "a process has one GPU" in said and "--workers 2" in said


def test_workers_alone_know_their_group(place):
    environment = {key for key in ("RANK", "WORLD_SIZE") if key in os.environ}
    assert not environment, "this test must not run inside a distributed training"
    said = call(place, "lib.commands.train", config(place, "quick_acn"), "engine=torch",
                "default.kvstore=dist_sync", "run.name=d", status=1)  # fmt: skip
    assert "default.kvstore" in said and "MASTER_ADDR" in said
