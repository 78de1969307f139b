# SPDX-License-Identifier: Apache-2.0
"""Measures what of the model can be measured on one machine without a GPU."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from deeplab.batches import Batches
from deeplab.data import load_dataset
from lib.data.streets.write import Settings, generate
from lib.launch.plan import plan
from lib.run.metrics import read_metrics
from lib.system import read

ROOT = Path(__file__).parents[2]


def measure(rounds: int) -> dict:
    """Seconds, all of them; see docs/scaling.md for what they stand for."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        result = {"machine": _machine(), "store": {}}
        for workers in (1, 2):
            print(f"exchange of gradients, {workers} worker(s)", file=sys.stderr)
            result["store"][str(workers)] = _store(workers, rounds)
        print("reading", file=sys.stderr)
        result["reading"] = _reading(place, rounds)
        print("training", file=sys.stderr)
        result["training"] = _training(place)
        result["machine"]["load_after"] = _load()
    return result


def _machine() -> dict:
    from benchmarks.operators.machine import describe  # only what describes a machine; loads no framework

    described = {**describe(), "load_before": _load()}
    described["command"] = ["python", "-m", "benchmarks.scaling", *sys.argv[1:]]
    return described


def _load() -> list[float]:
    return [round(value, 2) for value in os.getloadavg()]


def _store(workers: int, rounds: int) -> dict:
    """One server and `workers` workers on this machine exchange the gradients of the dcn network."""
    argv = [sys.executable, "-m", "benchmarks.scaling.worker", "dcn", str(rounds)]
    jobs = [replace(job, argv=argv) if job.share else job for job in plan([], "", workers, 1, [])]
    text = json.dumps([[job.name, job.argv, job.env, job.share] for job in jobs])
    program = ("import json, sys; from lib.launch.plan import Job; from lib.launch.watch import watch; "
               "sys.exit(watch([Job(n, '', a, e, s) for n, a, e, s in json.loads(sys.argv[1])], []))")  # fmt: skip
    run = subprocess.run([sys.executable, "-c", program, text], capture_output=True, text=True, env=_environment())
    if run.returncode:
        raise RuntimeError(f"the workers ended with {run.returncode}:\n{run.stderr}")
    return json.loads(next(line for line in run.stdout.splitlines() if line.startswith("[worker 0] {"))[11:])


def _reading(place: Path, rounds: int) -> dict:
    """CPU seconds that one thread takes to read, decode and crop one Cityscapes-sized picture with its labels."""
    generate(place / "large", Settings(train=2, val=1, height=1024, width=2048, seed=1))
    base = "deeplab/deeplab_resnet_v1_101_cityscapes_segmentation_base"
    _, cfg = read(base, [f"dataset.dataset_path={place}/large"])
    seconds = []
    for _ in range(rounds):
        batches = Batches(load_dataset(cfg, cfg.dataset.image_set), cfg, batch=4)
        begin = time.process_time()  # of the reading thread, mostly: this one only waits for it
        assert sum(len(batch["data"]) for batch in batches.epoch(0)) == 4
        seconds.append((time.process_time() - begin) / 4)
    return {"cpu_seconds_per_image": {"median": statistics.median(seconds), "least": min(seconds)}}


def _training(place: Path) -> dict:
    """Images a second of quick_acn, 4 at a time per device, one thread each, over the second of two epochs of 48."""
    generate(place / "streets", Settings(train=24, val=1, height=128, width=192, seed=7))
    settings = ["run.threads=1", "TRAIN.end_epoch=2", f"dataset.dataset_path={place}/streets", f"output_path={place}"]
    ways = {
        "one_device": ("lib.commands.train", ["TRAIN.BATCH_IMAGES=4"]),
        "two_devices": ("lib.commands.train", ["TRAIN.BATCH_IMAGES=4", "run.cpus=2"]),
        "two_workers": ("lib.launch", ["TRAIN.BATCH_IMAGES=4", "--workers", "2"]),
    }
    speeds = {}
    for name, (program, more) in ways.items():
        command = [sys.executable, "-m", program, "deeplab/quick_acn"]
        run = subprocess.run([*command, *settings, f"run.name={name}", *more], capture_output=True, text=True,
                             env=_environment())  # fmt: skip
        if run.returncode:
            raise RuntimeError(f"{name} ended with {run.returncode}:\n{run.stderr}")
        lines = read_metrics(place / name / "leftImg8bit_train/metrics.jsonl")
        epochs = [line for line in lines if line["event"] == "epoch"]
        speeds[name] = epochs[-1]["images_per_second"]
    return {"images_per_second": speeds}


def _environment() -> dict[str, str]:
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    return {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive"}
