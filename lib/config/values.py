# SPDX-License-Identifier: Apache-2.0
"""Says which values fit, beyond their type."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass

from lib.config.schema import ConfigError, Ranges, Schema
from lib.config.texts import unfit_image_set, unfit_name, unfit_path, unfit_texts

COMMON = Ranges(
    choices={
        "engine": ("mxnet", "torch"),
        "default.kvstore": ("device", "local", "dist_sync", "dist_device_sync"),
        "run.on_explosion": ("warn", "stop", "rollback"),
        "run.precision": ("float32", "float64", "bfloat16"),
        "run.lr_policy": ("step", "poly"),
        "TRAIN.optimizer": ("sgd", "adam"),
    },
    why={"default.kvstore": "dist_async and others do not compute what one process would; not served"},
    at_least={
        "TRAIN.lr": 0, "TRAIN.warmup_lr": 0, "TRAIN.warmup_step": 0, "TRAIN.momentum": 0, "TRAIN.wd": 0,
        "TRAIN.momentum2": 0,
        "TRAIN.begin_epoch": 0, "TRAIN.end_epoch": 0, "TRAIN.BATCH_IMAGES": 1, "TEST.BATCH_IMAGES": 1,
        "TEST.test_epoch": 0, "default.frequent": 1, "dataset.NUM_CLASSES": 2, "run.offset_limit": 0,
        "run.max_rollbacks": 0, "run.threads": 0, "run.seed": 0, "run.cpus": 1, "run.offset_warmup_epochs": 0,
        "run.lr_factor": 0, "run.lr_power": 0, "run.lr_every": 1, "run.iter_size": 1,
    },
    names=("run.name", "TRAIN.model_prefix"),
    paths=("output_path", "dataset.dataset_path"),
)  # fmt: skip


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
    if len(pairs) > 1:  # the original draws one of them for each picture; to take the first would be another training
        raise ConfigError(f"{source}: SCALES: several sizes are not implemented, expected one pair, got {scales!r}")
    node["SCALES"] = pairs


def check_values(schema: Schema, cfg, source: str) -> None:
    """Raises ConfigError listing every value outside its range."""
    wrong = [*unfit_texts(cfg), *_not_finite(cfg), *_outside(cfg, COMMON), *_outside(cfg, schema.ranges), *_common(cfg)]
    wrong += schema.wrong(cfg)
    if wrong:
        raise ConfigError("\n".join(f"{source}: {text}" for text in wrong))


def _not_finite(section, above: str = "") -> Iterator[str]:
    for entry in fields(section):
        value, key = getattr(section, entry.name), f"{above}{entry.name}"
        if is_dataclass(value):
            yield from _not_finite(value, f"{key}.")
        for number in value if isinstance(value, list) else [value]:
            if isinstance(number, float) and not math.isfinite(number):
                yield f"{key}: expected a finite number, got {number!r}"


def _outside(cfg, ranges: Ranges) -> Iterator[str]:
    for key, choices in ranges.choices.items():
        if _get(cfg, key) not in choices:
            why = f" ({ranges.why[key]})" if key in ranges.why else ""
            yield f"{key}: expected one of {', '.join(map(repr, choices))}, got {_get(cfg, key)!r}{why}"
    for key, least in ranges.at_least.items():
        if not _get(cfg, key) >= least:
            yield f"{key}: expected at least {least}, got {_get(cfg, key)!r}"
    for key in ranges.names:
        yield from unfit_name(key, _get(cfg, key))
    for key in ranges.paths:
        yield from unfit_path(key, _get(cfg, key))


def _common(cfg) -> Iterator[str]:
    for key in ("dataset.image_set", "dataset.test_image_set"):
        yield from unfit_image_set(key, _get(cfg, key))
    try:
        parts = [part for part in cfg.TRAIN.lr_step.split(",") if part.strip()]
        steps = [float(part) if "_" not in part else -1.0 for part in parts]
    except ValueError:
        steps = [-1.0]
    if steps != sorted(steps) or not all(0 <= step < float("inf") for step in steps):
        yield f"TRAIN.lr_step: expected growing epochs such as '40.336' or '4,6', got {cfg.TRAIN.lr_step!r}"
    if cfg.run.lr_policy == "poly" and cfg.TRAIN.lr_step.strip():
        yield f"TRAIN.lr_step: run.lr_policy 'poly' has no steps, expected '', got {cfg.TRAIN.lr_step!r}"
    if not all(re.fullmatch("[0-9]+", part.strip()) for part in cfg.gpus.split(",") if cfg.gpus):
        yield f"gpus: expected device numbers such as '0,1', or '' for the CPU, got {cfg.gpus!r}"
    for key in ("momentum", "momentum2"):
        if cfg.TRAIN.optimizer == "adam" and getattr(cfg.TRAIN, key) >= 1:
            yield f"TRAIN.{key}: a running mean needs less than 1, got {getattr(cfg.TRAIN, key)}"
    if cfg.gpus.strip() and cfg.run.cpus != 1:
        yield f"run.cpus: {cfg.run.cpus} CPU contexts and gpus {cfg.gpus!r} exclude each other"
    if cfg.run.precision == "bfloat16" and cfg.engine != "torch":
        yield f"run.precision: 'bfloat16' is PyTorch's autocast and needs engine 'torch', got {cfg.engine!r}"
    if not 0 < cfg.run.rollback_factor < 1:
        yield f"run.rollback_factor: expected above 0 and below 1, got {cfg.run.rollback_factor!r}"
    if cfg.run.on_explosion == "rollback" and cfg.default.kvstore.startswith("dist_"):
        yield "run.on_explosion: several workers cannot go back together yet; expected 'warn' or 'stop'"


def _get(cfg, key: str):
    for name in key.split("."):
        cfg = getattr(cfg, name)
    return cfg
