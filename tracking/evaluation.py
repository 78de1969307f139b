# SPDX-License-Identifier: Apache-2.0
"""Tests a trained tracker: in one pass over each sequence, and with help after each failure."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from tqdm import tqdm

from lib.data.sequences import Sequence
from lib.looking import look as looks
from lib.metrics import success, supervised
from lib.metrics.regions import centre_errors, overlaps
from lib.run.atomic import write_arrays
from lib.run.folder import forget
from tracking import protocol
from tracking.data import load_sequences, part_of
from tracking.looker import look_at
from tracking.pictures import places_of

SHOWN = 3
STRIP = 6  # search pictures of each, at most 10
BOXES = "boxes.npz"
"""Of the one pass: {sequence: (frames, 4)}, [x, y, width, height] from 0."""


def evaluate(cfg, predictor, place: Path, ignore_cache: bool, log) -> dict:
    """Tracks all test sequences; nothing is cached, for that takes less time than to tell whether it may be used.

    place: folder for the boxes, and for looks at some films. Gives metric (AUC), value, images (frames), parts (AUC by
    kind of film, or by sequence), success (curve), precision, and of the runs with help accuracy, failures and EAO;
    by_part: the same for each part.
    """
    sequences = load_sequences(cfg, cfg.dataset.test_image_set)
    boxes, runs = {}, {}
    for each in tqdm(sequences, desc="tracking", unit="sequence", disable=None):
        boxes[each.name] = protocol.one_pass(predictor.tracker(), each)
        runs[each.name], _ = protocol.supervised(predictor.tracker(), each, cfg.TEST.SKIP)
    place.mkdir(parents=True, exist_ok=True)
    forget(place, "look_*_[0-9].npz")
    write_arrays(place / BOXES, boxes)
    for each in shown(cfg, sequences):
        for number, frame in enumerate(places_of(len(each) - 1, STRIP)):
            look = look_at(cfg, predictor, each, boxes[each.name], frame + 1)
            looks.save(place / f"look_{each.name}_{number}.npz", look)
    whole = measured(cfg, sequences, boxes, runs)
    parts: dict[str, list[Sequence]] = {}
    for each in sequences:
        parts.setdefault(part_of(cfg, each.name), []).append(each)
    by_part = {name: measured(cfg, those, boxes, runs) for name, those in parts.items()}
    result = {
        "metric": "AUC",
        "value": whole["AUC"],
        "images": sum(map(len, sequences)),
        "parts": {name: each["AUC"] for name, each in by_part.items()},
        **{key: whole[key] for key in ("accuracy", "failures", "EAO", "precision")},
        "interval": list(cfg.TEST.EAO),
        "success": success.over_sequences(success.success_curve, _overlaps(sequences, boxes)).tolist(),
        "by_part": by_part,
    }
    log.info("AUC %.4f, precision %.4f, accuracy %.4f, %d failures in %d frames, EAO %s", whole["AUC"],
             whole["precision"], whole["accuracy"], whole["failures"], result["images"], whole["EAO"])  # fmt: skip
    for name, each in by_part.items():
        log.info("%s: AUC %.4f, accuracy %.4f, %d failures", name, each["AUC"], each["accuracy"], each["failures"])
    return result


def shown(cfg, sequences: list[Sequence]) -> list[Sequence]:
    """Those that the summary shows: of each of the first parts the last one."""
    last = {part_of(cfg, each.name): each for each in sequences}
    return list(last.values())[:SHOWN]


def measured(cfg, sequences: list[Sequence], boxes: Mapping, runs: Mapping) -> dict:
    """The numbers of some sequences. EAO is None where no fragment is as long as its interval."""
    chosen = [runs[each.name] for each in sequences]
    errors = [centre_errors(each.boxes, boxes[each.name]) for each in sequences]
    low, high = cfg.TEST.EAO
    expected = supervised.expected_overlaps(chosen, high)[low:]
    return {
        "AUC": float(success.over_sequences(success.area_under, _overlaps(sequences, boxes))),
        "precision": float(success.over_sequences(success.precision, errors)),
        "accuracy": supervised.accuracy(chosen, cfg.TEST.BURN_IN),
        "failures": supervised.failures(chosen),
        "EAO": float(expected.mean()) if np.isfinite(expected).all() else None,
    }


def _overlaps(sequences: list[Sequence], boxes: Mapping) -> list[np.ndarray]:
    return [overlaps(each.regions, boxes[each.name]) for each in sequences]
