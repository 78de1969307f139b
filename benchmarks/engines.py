# SPDX-License-Identifier: Apache-2.0
"""Seconds of one training update on the CPU in both engines, in turn: python -m benchmarks.engines [--rounds N]

Each measurement is a process of its own, which builds the network, makes some updates that do not count, and gives the
median of those that do; the engines take turns, so that a machine whose speed wanders is fair to both. Inputs are
random numbers already in memory.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

from lib.run.atomic import write_json

ROOT = Path(__file__).resolve().parents[1]
RESNET = ["TRAIN.CROP_HEIGHT=256", "TRAIN.CROP_WIDTH=256"]
POINTS = {  # name: (configuration, settings, updates that do not count, updates that do)
    "quick_acn": ("quick_acn", [], 5, 30),
    "quick_dcn": ("quick_dcn", [], 5, 30),
    "ResNet-101 dcn, crop 256x256": ("deeplab_resnet_v1_101_cityscapes_segmentation_dcn", RESNET, 2, 6),
    "ResNet-101 acn, crop 256x256": ("deeplab_resnet_v1_101_cityscapes_segmentation_acn", RESNET, 2, 6),
}
ENGINES = ("mxnet", "torch")


def main(arguments: list[str] | None = None) -> int:
    made = argparse.ArgumentParser("python -m benchmarks.engines", description=__doc__.splitlines()[0])
    made.add_argument("--rounds", type=int, default=3, help="of all points (default %(default)s)")
    made.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)), help="(default %(default)s)")
    made.add_argument(
        "--out", type=Path, default=ROOT / "benchmarks/results/engines.json", help="(default %(default)s)"
    )
    made.add_argument("--one", nargs=2, metavar=("POINT", "ENGINE"), help="one measurement, in this process")
    options = made.parse_args(arguments)
    if min(options.rounds, options.threads) < 1:
        made.error(f"--rounds and --threads: expected at least 1, got {options.rounds} and {options.threads}")
    if options.one:
        print(json.dumps(measure(*options.one)))
        return 0
    found: dict[str, dict[str, list[float]]] = {point: {engine: [] for engine in ENGINES} for point in POINTS}
    load = os.getloadavg()[0]
    for number in range(options.rounds):
        for point in POINTS:
            for engine in ENGINES if number % 2 == 0 else ENGINES[::-1]:
                found[point][engine].append(_apart(point, engine, options.threads))
                print(
                    f"round {number + 1} of {options.rounds}, {point}, {engine}: {found[point][engine][-1]:.4f} s",
                    flush=True,
                )
    rows = {point: _row(each) for point, each in found.items()}
    for point, row in rows.items():
        print(f"{point:30} mxnet {row['mxnet']:.4f} s, torch {row['torch']:.4f} s, torch/mxnet {row['ratio']:.2f}")
    machine = {"cores": os.cpu_count(), "threads": options.threads, "processor": _processor(), "commit": _commit(),
               "load_before": load, "load_after": os.getloadavg()[0], "date": time.strftime("%Y-%m-%d")}  # fmt: skip
    options.out.parent.mkdir(parents=True, exist_ok=True)
    write_json(options.out, {"machine": machine, "rounds": options.rounds, "seconds": rows})
    print(options.out)
    return 0


def measure(point: str, name: str) -> float:
    """The median seconds of an update."""
    import numpy as np

    from deeplab.task import train_network
    from lib.engines import open_engine
    from lib.system import read

    config, settings, warm, timed = POINTS[point]
    _, cfg = read(config, [f"engine={name}", "gpus=''", "network.pretrained=''", *settings])
    random, seconds = np.random.default_rng(0), []
    with open_engine(cfg, training=True) as engine:
        network = train_network(cfg)
        engine.build(network)
        batch = {"data": 50 * random.standard_normal(network.inputs["data"], dtype=np.float32)}
        batch["label"] = random.integers(0, 19, network.inputs["label"]).astype(np.float32)
        for number in range(warm + timed):
            begin = time.perf_counter()
            engine.update(batch, 1e-6)
            if number >= warm:
                seconds.append(time.perf_counter() - begin)
    return statistics.median(seconds)


def _apart(point: str, engine: str, threads: int) -> float:
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    command = [sys.executable, "-m", "benchmarks.engines", "--one", point, engine]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr}")
    return float(done.stdout.split()[-1])


def _row(times: dict[str, list[float]]) -> dict:
    medians = {engine: statistics.median(each) for engine, each in times.items()}
    return {**medians, "ratio": medians["torch"] / medians["mxnet"], "each": times}


def _processor() -> str:
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        return next(
            (line.partition(":")[2].strip() for line in file if line.startswith("model name")), platform.machine()
        )


def _commit() -> str:
    done = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True)
    return done.stdout.strip() or "unknown"


if __name__ == "__main__":
    sys.exit(main())
