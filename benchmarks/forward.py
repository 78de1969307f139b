# SPDX-License-Identifier: Apache-2.0
"""Seconds and memory of one picture of 600 x 1000 through each detection network on ResNet-101, on the CPU:

python -m benchmarks.forward [--networks rfcn_dcn ...] [key=value ...]

PASCAL VOC's networks with random weights, proposals and non-maximum suppression included; each in a process of its own,
one forward that does not count and the median of those that do. Memory is the largest that the process ever held.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time

import numpy as np

SIZE = (600, 1000)
CONFIGS = {"rpn": "rfcn", "rfcn": "rfcn", "rcnn": "rcnn"}  # head: the configuration that has its settings
NETWORKS = ("rpn", "rpn_dcn", "rfcn", "rfcn_dcn", "rcnn", "rcnn_dcn")


def main(arguments: list[str] | None = None) -> int:
    made = argparse.ArgumentParser("python -m benchmarks.forward", description=__doc__.splitlines()[0])
    made.add_argument("settings", nargs="*", metavar="key=value", help="such as engine=torch run.threads=1")
    made.add_argument(
        "--networks", nargs="+", default=NETWORKS, choices=NETWORKS, metavar="NAME", help=f"of {', '.join(NETWORKS)}"
    )
    made.add_argument("--rounds", type=int, default=3, help="forwards that count (default %(default)s)")
    made.add_argument("--one", metavar="NAME", help="one network, in this process; prints JSON")
    options = made.parse_intermixed_args(arguments)
    if options.rounds < 1:
        made.error(f"--rounds: expected at least 1, got {options.rounds}")
    if options.one:
        print(json.dumps(measure(options.one, options.settings, options.rounds)))
        return 0
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    for name in options.networks:
        command = [sys.executable, "-m", "benchmarks.forward", "--one", name, "--rounds", str(options.rounds)]
        done = subprocess.run([*command, *options.settings], stdout=subprocess.PIPE, text=True, check=True)
        found = json.loads(done.stdout.splitlines()[-1])
        print(f"{name:10} {found['parameters']:>11,} parameters {found['seconds']:7.2f} s"
              f" ({found['processor']:.2f} of a processor) {found['gib']:6.2f} GiB"
              f"   {found['shapes']}", flush=True)  # fmt: skip
    return 0


def measure(name: str, settings: list[str], rounds: int) -> dict:
    """parameters, seconds and processor (its seconds; medians), gib (most memory), shapes of what comes out."""
    from lib.system import read

    config = f"resnet_v1_101_voc0712_{CONFIGS[name.split('_')[0]]}_dcn_end2end"
    config += "_ohem" if "rfcn" in config else ""
    _, cfg = read(config, ["gpus=''", f"symbol=resnet_v1_101_{name}", f"SCALES={list(SIZE)}", *settings])
    from lib.run.threads import use_threads

    use_threads(cfg.run.threads)
    from detection.task import test_network
    from lib.engines import open_engine

    engine = open_engine(cfg)
    engine.build(test_network(cfg))
    random = np.random.default_rng(1)
    inputs = {"data": random.normal(0, 50, (1, 3, *SIZE)).astype(np.float32)}
    names = ["rpn_cls_prob_reshape_output", "rpn_bbox_pred_output"]
    if not name.startswith("rpn"):
        inputs["im_info"] = np.array([[*SIZE, 1]], np.float32)
        names = ["rois_output", "cls_prob_output", "bbox_pred_output"]
    seconds, processor = [], []
    for _ in range(rounds + 1):
        begin = time.perf_counter(), time.process_time()
        found = engine.compute(inputs, names)
        seconds.append(time.perf_counter() - begin[0])
        processor.append(time.process_time() - begin[1])
    wrong = [key for key, value in found.items() if not np.isfinite(value).all()]
    if wrong:
        raise RuntimeError(f"{name}: {', '.join(wrong)} of the forward is not finite")
    count = sum(value.size for value in engine.parameters()[0].values())
    return {
        "parameters": count,
        "seconds": statistics.median(seconds[1:]),
        "processor": statistics.median(processor[1:]),
        "gib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
        "shapes": ", ".join("x".join(map(str, value.shape)) for value in found.values()),
    }


if __name__ == "__main__":
    sys.exit(main())
