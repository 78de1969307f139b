# SPDX-License-Identifier: Apache-2.0
"""Values that have the right type and still make no sense, told before anything is loaded."""

from __future__ import annotations

from deeplab.config.keys import ConfigError

CHOICES = {
    "default.kvstore": ("device", "local", "dist_sync", "dist_device_sync"),
    "network.IMAGE_STRIDE": (0,),
    "TRAIN.ENABLE_OHEM": (False,),
    "net.depth": (10, 18, 34, 50, 101),
    "net.head_init": ("normal", "msra"),
    "net.output_stride": (8, 16, 32),
    "net.pool_pad": (0, 1),
    "net.pixel_order": ("RGB", "BGR"),
    "net.boundary": ("", "inside", "zero", "border"),
    "run.on_explosion": ("warn", "stop", "rollback"),
}
WHY = {
    "default.kvstore": "dist_async and others do not compute what one process would; not served",
    "network.IMAGE_STRIDE": "padding pictures is not implemented",
    "TRAIN.ENABLE_OHEM": "online hard example mining is not implemented",
}
AT_LEAST = {
    "TRAIN.lr": 0, "TRAIN.warmup_lr": 0, "TRAIN.warmup_step": 0, "TRAIN.momentum": 0, "TRAIN.wd": 0,
    "TRAIN.begin_epoch": 0, "TRAIN.end_epoch": 0, "TRAIN.BATCH_IMAGES": 1, "TRAIN.CROP_HEIGHT": 1,
    "TRAIN.CROP_WIDTH": 1, "TEST.BATCH_IMAGES": 1, "TEST.test_epoch": 0, "default.frequent": 1,
    "dataset.NUM_CLASSES": 2, "network.pretrained_epoch": 0, "net.width": 1,
    "net.head_channels": 1, "net.res5_dilate": 1, "net.offset_dilate": 1, "net.num_deformable_group": 1,
    "net.num_offset_group": 1, "net.bn_eps": 1e-5, "net.offset_lr_rate": 0, "net.offset_lr_mult": 0,
    "net.offset_bound": 0, "run.offset_limit": 0, "run.max_rollbacks": 0,
    "run.threads": 0, "run.seed": 0, "run.cpus": 1, "run.offset_warmup_epochs": 0, "run.lr_factor": 0,
}  # fmt: skip


def normal_scales(node: dict, source: str) -> None:
    """Turns `SCALES: [1024, 2048]`, the YAML files' form, into the one the code reads, [[1024, 2048]], in place."""
    if "SCALES" not in node:
        return
    scales = node["SCALES"]
    pairs = scales if isinstance(scales, list) and scales and isinstance(scales[0], list) else [scales]
    for pair in pairs:
        whole = isinstance(pair, list) and len(pair) == 2 and all(type(side) is int and side > 0 for side in pair)
        if not whole or pair[0] > pair[1]:
            raise ConfigError(f"{source}: SCALES: expected [short side, long side] in pixels, got {scales!r}")
    node["SCALES"] = pairs


def check_values(cfg, source: str) -> None:
    """Raises ConfigError listing every value outside its range."""
    wrong = []
    for key, choices in CHOICES.items():
        if _get(cfg, key) not in choices:
            why = f" ({WHY[key]})" if key in WHY else ""
            wrong.append(f"{key}: expected one of {', '.join(map(repr, choices))}, got {_get(cfg, key)!r}{why}")
    for key, least in AT_LEAST.items():
        if not _get(cfg, key) >= least:
            wrong.append(f"{key}: expected at least {least}, got {_get(cfg, key)!r}")
    if len(cfg.network.PIXEL_MEANS) != 3:
        wrong.append(f"network.PIXEL_MEANS: expected 3 numbers (blue, green, red), got {cfg.network.PIXEL_MEANS}")
    if len(cfg.net.pixel_stds) != 3 or not all(each > 0 for each in cfg.net.pixel_stds):
        wrong.append(f"net.pixel_stds: expected 3 numbers above 0 (blue, green, red), got {cfg.net.pixel_stds}")
    try:
        steps = [float(part) for part in cfg.TRAIN.lr_step.split(",") if part.strip()]
    except ValueError:
        steps = [-1.0]
    if steps != sorted(steps) or not all(0 <= step < float("inf") for step in steps):
        wrong.append(f"TRAIN.lr_step: expected growing epochs such as '40.336' or '4,6', got {cfg.TRAIN.lr_step!r}")
    if not all(part.strip().isdigit() for part in cfg.gpus.split(",") if cfg.gpus):
        wrong.append(f"gpus: expected device numbers such as '0,1', or '' for the CPU, got {cfg.gpus!r}")
    if cfg.gpus.strip() and cfg.run.cpus != 1:
        wrong.append(f"run.cpus: {cfg.run.cpus} CPU contexts and gpus {cfg.gpus!r} exclude each other")
    if not 0 < cfg.run.rollback_factor < 1:
        wrong.append(f"run.rollback_factor: expected above 0 and below 1, got {cfg.run.rollback_factor!r}")
    if cfg.run.on_explosion == "rollback" and cfg.default.kvstore.startswith("dist_"):
        wrong.append("run.on_explosion: several workers cannot go back together yet; expected 'warn' or 'stop'")
    if wrong:
        raise ConfigError("\n".join(f"{source}: {text}" for text in wrong))


def _get(cfg, key: str):
    section, name = key.split(".")
    return getattr(getattr(cfg, section), name)
