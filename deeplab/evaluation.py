# SPDX-License-Identifier: Apache-2.0
"""Evaluates a trained network on a data set: result pictures, the original's log lines, and the numbers."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

import numpy as np
from tqdm import tqdm

from deeplab.data import load_dataset
from deeplab.evaluate import Evaluator
from lib.config.multi_scale import check_size
from lib.data import images
from lib.data.prefetch import prefetch


def evaluate(cfg, predictor, place: Path, ignore_cache: bool, log) -> dict:
    """Predicts what has not been predicted with these parameters yet, and evaluates all of it.

    predictor: has `path` and `digest` of its parameters. place: folder of the result pictures. ignore_cache: predict
    everything again. Gives metric, value, images, parts (IoU by class name), meanIU, meanIU_present, IU and confusion
    (rows = truth).
    """
    dataset = load_dataset(cfg, cfg.dataset.test_image_set)
    # What a prediction depends on: parameters, network and scale.
    settings = f"{cfg.symbol} {cfg.net} {cfg.SCALES} {cfg.network.PIXEL_MEANS} {cfg.engine} {cfg.run.precision}"
    settings += f" {cfg.TEST.crf}" if cfg.TEST.crf.iterations else ""
    settings = hashlib.sha256(settings.encode()).hexdigest()[:12]
    made_by = f"{Path(predictor.path).name} {predictor.digest[:12]}, settings {settings}"
    evaluator = Evaluator(dataset, place, made_by, log)
    _predict(cfg, dataset, predictor, evaluator, evaluator.pending(ignore_cache), log)
    report = evaluator.report()
    for line in report["lines"]:
        log.info(line)
    parts = dict(zip(dataset.class_names, report["IU_array"].tolist()))
    return {
        "metric": "meanIU",
        "value": report["meanIU"],
        "images": len(dataset.records),
        "parts": parts,
        "meanIU": report["meanIU"],
        "meanIU_present": report["meanIU_present"],
        "IU": parts,
        "confusion": report["confusion"].tolist(),
    }


def _predict(cfg, dataset, predictor, evaluator, records, log) -> None:
    size = cfg.TEST.BATCH_IMAGES
    groups = [records[first : first + size] for first in range(0, len(records), size)]
    seconds = np.zeros(3)
    clock, done = time.perf_counter(), 0
    with tqdm(total=len(records), unit="image", desc="testing", dynamic_ncols=True, disable=None) as bar:
        for group, data in zip(groups, prefetch(lambda: (_read(cfg, dataset, each) for each in groups))):
            read = time.perf_counter()
            train_ids = predictor.train_ids(data)
            computed = time.perf_counter()
            for record, one in zip(group, train_ids):
                evaluator.add(record, one)
            written = time.perf_counter()
            done += len(group)
            bar.update(len(group))
            seconds += (read - clock, computed - read, written - computed)
            clock = written
            log.info("testing %d/%d data %.4fs net %.4fs post %.4fs", done, len(records), *seconds / done)


def _read(cfg, dataset, group) -> np.ndarray:
    """float32 (N, 3, h, w) of the pictures of `group` under cfg.SCALES."""
    tensors = []
    for record in group:
        image = dataset.image(record)
        size = images.scaled_size(*image.shape[:2], cfg.SCALES)
        try:
            check_size(size, cfg.net)
        except ValueError as error:
            raise images.DatasetError(f"{record.image}: {error}") from None
        scaled = images.resize_image(image, size)
        tensors.append(images.to_tensor(scaled, cfg))
        if tensors[-1].shape != tensors[0].shape:
            raise images.DatasetError(
                f"{record.image}: size {tensors[-1].shape[1:]} under SCALES, but {group[0].image} has "
                f"{tensors[0].shape[1:]}; pictures of different sizes need TEST.BATCH_IMAGES 1"
            )
    return np.stack(tensors)
