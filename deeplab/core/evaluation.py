# SPDX-License-Identifier: Apache-2.0
"""Evaluates a trained network on a data set: result pictures, the original's log lines, and the numbers as JSON."""

from __future__ import annotations

import hashlib
import time

import numpy as np

from deeplab.core import checkpoint
from deeplab.core.atomic import write_json
from deeplab.core.folder import results_path
from deeplab.core.predictor import Predictor
from deeplab.dataset import pictures
from deeplab.dataset.evaluate import Evaluator
from deeplab.dataset.prefetch import prefetch


def evaluate(cfg, dataset, predictor: Predictor, zero_offsets: bool, ignore_cache: bool, facts: dict, log) -> dict:
    """Predicts what has not been predicted with these parameters yet, and evaluates all of it.

    ignore_cache: predict everything again. facts: goes into the JSON (see `provenance`).
    Gives what is written to <output>/<run>/<test image set>/results.json (results_zero_offsets.json): epoch,
    checkpoint, sha256, meanIU, meanIU_present, IU (by class name), confusion (rows = truth) and the facts.
    """
    out = results_path(cfg, zero_offsets)
    digest = checkpoint.digest(predictor.path)
    # What a prediction depends on: parameters, network and scale.
    settings = f"{cfg.symbol} {cfg.net} {cfg.SCALES} {cfg.network.PIXEL_MEANS}"
    made_by = f"{predictor.path.name} {digest[:12]}, settings {hashlib.sha256(settings.encode()).hexdigest()[:12]}"
    evaluator = Evaluator(dataset, out.with_suffix(""), made_by, log)
    _predict(cfg, dataset, predictor, evaluator, evaluator.pending(ignore_cache), log)
    report = evaluator.report()
    for line in report["lines"]:
        log.info(line)
    numbers = {
        "epoch": predictor.epoch,
        "checkpoint": str(predictor.path),
        "sha256": digest,
        "zero_offsets": zero_offsets,
        "images": len(dataset.records),
        "meanIU": report["meanIU"],
        "meanIU_present": report["meanIU_present"],
        "IU": dict(zip(dataset.class_names, report["IU_array"].tolist())),
        "confusion": report["confusion"].tolist(),
        **facts,
    }
    write_json(out, numbers)
    return numbers


def _predict(cfg, dataset, predictor, evaluator, records, log) -> None:
    size = cfg.TEST.BATCH_IMAGES
    groups = [records[first : first + size] for first in range(0, len(records), size)]
    seconds = np.zeros(3)
    clock, done = time.perf_counter(), 0
    for group, data in zip(groups, prefetch(lambda: (_read(cfg, dataset, each) for each in groups))):
        read = time.perf_counter()
        train_ids = predictor.train_ids(data)
        computed = time.perf_counter()
        for record, one in zip(group, train_ids):
            evaluator.add(record, one)
        written = time.perf_counter()
        done += len(group)
        seconds += (read - clock, computed - read, written - computed)
        clock = written
        log.info("testing %d/%d data %.4fs net %.4fs post %.4fs", done, len(records), *seconds / done)


def _read(cfg, dataset, group) -> np.ndarray:
    """float32 (N, 3, h, w) of the pictures of `group` under cfg.SCALES."""
    tensors = []
    for record in group:
        image = dataset.image(record)
        scaled = pictures.resize_image(image, pictures.scaled_size(*image.shape[:2], cfg.SCALES))
        tensors.append(pictures.to_tensor(scaled, cfg))
        if tensors[-1].shape != tensors[0].shape:
            raise pictures.DatasetError(
                f"{record.image}: size {tensors[-1].shape[1:]} under SCALES, but {group[0].image} has "
                f"{tensors[0].shape[1:]}; pictures of different sizes need TEST.BATCH_IMAGES 1"
            )
    return np.stack(tensors)
