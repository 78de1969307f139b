# SPDX-License-Identifier: Apache-2.0
"""Images per second and memory of a training step on a GPU, through the PyTorch engine:

    python -m benchmarks.gpu_step [--gpus 0] [--networks dcn acn] [--out FILE]

dcn, acn: DeepLab's ResNet-101 with deformable and with active convolutions at the crop of the Cityscapes
configurations, in float32 and bfloat16; where torchvision is there, the deformable network also with its operator in
the place of ours. rfcn_dcn, rfcn_lsdfn: R-FCN's at 600 x 1000 in float32, deformable or with dynamic filters; its
proposals and samples are made on the CPU. Inputs are random numbers already in memory: this times the step, not the
reading of images.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from importlib import import_module
from pathlib import Path

import numpy as np

from lib.run.atomic import write_json

NETWORKS = {
    "dcn": "deeplab_resnet_v1_101_cityscapes_segmentation_dcn",
    "acn": "deeplab_resnet_v1_101_cityscapes_segmentation_acn",
    "rfcn_dcn": "rfcn/resnet_v1_101_voc0712_rfcn_dcn_end2end_ohem",
    "rfcn_lsdfn": "rfcn/resnet_v1_101_voc0712_rfcn_lsdfn_end2end_ohem",
}
WARM, TIMED = 3, 10


def main(arguments: list[str] | None = None) -> int:
    made = argparse.ArgumentParser("python -m benchmarks.gpu_step", description=__doc__.splitlines()[0])
    made.add_argument("--gpus", default="0", help="the device, '' is the CPU (default %(default)s)")
    made.add_argument("--networks", nargs="+", default=["dcn", "acn"], choices=NETWORKS, metavar="NAME",
                      help=f"of {', '.join(NETWORKS)} (default dcn acn)")  # fmt: skip
    made.add_argument("--images", type=int, nargs="+", default=[1, 4], help="images per update (default 1 4)")
    made.add_argument("--out", type=Path, default=Path("step.json"), help="result file (default %(default)s)")
    made.add_argument("--rehearse", action="store_true", help="a small crop, two updates")
    options = made.parse_args(arguments)
    rows: list[dict] = []
    for name in options.networks:
        config = NETWORKS[name]
        for precision in ("float32",) if "rfcn" in name else ("float32", "bfloat16"):
            for images in options.images[:1] if options.rehearse else options.images:
                for theirs in (False, True) if name == "dcn" else (False,):
                    rows.append(_row(name, config, precision, images, theirs, options))
                    print(json.dumps(rows[-1]), flush=True)
                    write_json(options.out, rows)
    return 0


def _row(name: str, config: str, precision: str, images: int, theirs: bool, options) -> dict:
    row = {"network": name, "precision": precision, "images": images, "operator": "torchvision" if theirs else "ours"}
    try:
        return {**row, **_time(config, precision, images, theirs, options)}
    except (RuntimeError, ImportError, ValueError) as error:  # out of memory, no torchvision: a result, too
        return {**row, "failed": f"{type(error).__name__}: {str(error).splitlines()[0]}"}


def _time(config: str, precision: str, images: int, theirs: bool, options) -> dict:
    import torch

    from lib.engines import open_engine
    from lib.system import read

    detects = config.startswith("rfcn")
    small = ["SCALES=[64,96]"] if detects else ["TRAIN.CROP_HEIGHT=64", "TRAIN.CROP_WIDTH=96"]
    settings = ["engine=torch", f"gpus='{options.gpus}'", f"run.precision={precision}", f"TRAIN.BATCH_IMAGES={images}"]
    system, cfg = read(config, [*settings, *(small if options.rehearse else [])])
    if theirs:
        _put_torchvision_in_place()
    try:
        with open_engine(cfg, training=True) as engine:
            network = import_module(f"{system.name}.task").train_network(cfg)
            engine.build(network)
            batch = (_boxes if detects else _classes)(network.inputs, cfg)
            cuda = bool(options.gpus)
            if cuda:
                torch.cuda.reset_peak_memory_stats()
            seconds = []
            for _ in range(1 if options.rehearse else WARM):
                engine.update(batch, 1e-5)
            for _ in range(1 if options.rehearse else TIMED):
                begin = time.perf_counter()
                engine.update(batch, 1e-5)  # gives numbers on the CPU, so the device has finished
                seconds.append(time.perf_counter() - begin)
            median = float(np.median(seconds))
            memory = torch.cuda.max_memory_allocated() / 2**30 if cuda else None
            return {"seconds": median, "images_per_second": images / median, "peak_memory_gib": memory,
                    "devices": list(engine.devices), "torch": torch.__version__}  # fmt: skip
    finally:
        _restore()


def _classes(inputs, cfg) -> dict:
    random = np.random.default_rng(0)
    return {"data": 50 * random.standard_normal(inputs["data"], dtype=np.float32),
            "label": random.integers(0, cfg.dataset.NUM_CLASSES, inputs["label"]).astype(np.float32)}  # fmt: skip


def _boxes(inputs, cfg) -> dict:
    """Eight objects in each picture, and anchors of which a few count."""
    random, (count, _, height, width) = np.random.default_rng(0), inputs["data"]
    corner = random.uniform(0, 0.6, (count, 8, 2)) * (width, height)
    side = random.uniform(0.1, 0.4, (count, 8, 2)) * (width, height)
    classes = random.integers(1, cfg.dataset.NUM_CLASSES, (count, 8, 1))
    batch = {
        "data": 50 * random.standard_normal(inputs["data"]),
        "label": random.choice((-1, 0, 1), inputs["label"], p=(0.98, 0.01, 0.01)),
        "bbox_target": 0.1 * random.standard_normal(inputs["bbox_target"]),
        "bbox_weight": random.random(inputs["bbox_weight"]) < 0.01,
        "im_info": np.tile((height, width, 1.0), (count, 1)),
        "gt_boxes": np.concatenate([corner, corner + side, classes], axis=2),
        "draw": np.arange(count),
    }
    return {name: batch[name].astype(np.float32) for name in inputs}


_OURS: list = []


def _put_torchvision_in_place() -> None:
    """Makes graphs' deformable convolutions run on torchvision's operator, whose boundary rule is another one."""
    from torchvision.ops import deform_conv2d as theirs

    from operators.for_torch.ops import deform_conv

    def call(input, offset, weight, bias=None, stride=1, padding=0, dilation=1, mask=None, **ours):
        return theirs(input, offset, weight, bias, stride, padding, dilation, mask)

    _OURS.append(deform_conv.deform_conv2d)
    deform_conv.deform_conv2d = call


def _restore() -> None:
    from operators.for_torch.ops import deform_conv

    if _OURS:
        deform_conv.deform_conv2d = _OURS.pop()


if __name__ == "__main__":
    sys.exit(main())
