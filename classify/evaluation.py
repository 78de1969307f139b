# SPDX-License-Identifier: Apache-2.0
"""Evaluates a trained classifier on its test pictures, and keeps what the summary shows of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from classify.data import load_dataset
from classify.looker import Looker, look_path
from lib.data.labelled import Labelled
from lib.looking import look as looks
from lib.metrics.iou import confusion_matrix
from lib.metrics.log_loss import log_loss
from lib.metrics.shares import share_by_bin, share_by_class
from lib.run.atomic import write_arrays
from lib.run.folder import forget

SHOWN, BINS = 8, 10
PREDICTIONS = "predictions.npz"


def evaluate(cfg, predictor, place: Path, ignore_cache: bool, log) -> dict:
    """Predicts all test pictures; nothing is cached, for that takes less time than to tell whether it may be used.

    predictor: has `digest` of its parameters. place: folder for the predictions and the looks at the pictures that are
    shown. Gives metric, value, images, parts (accuracy by scale where pictures have one, else by class), loss, by_class
    and confusion (rows = truth).
    """
    data = load_dataset(cfg, cfg.dataset.test_image_set)
    probability = predictor.probabilities(data.images)
    predicted = probability.argmax(axis=1)
    right = predicted == data.labels
    loss, count = log_loss(probability[np.arange(len(data)), data.labels], data.labels, ignore=-1)
    by_class = share_by_class(right, data.labels, data.class_names)
    result = {
        "metric": "accuracy",
        "value": float(right.mean()),
        "images": len(data),
        "parts": by_class if data.zoom is None else _by_scale(cfg, right, data.zoom),
        "loss": loss / count,
        "by_class": by_class,
        "confusion": confusion_matrix(data.labels, predicted, len(data.class_names), ignore=-1).tolist(),
    }
    place.mkdir(parents=True, exist_ok=True)
    write_arrays(place / PREDICTIONS, {"classes": predicted, "probability": probability.max(axis=1)})
    _look(cfg, data, predictor, place)
    log.info("accuracy %.4f, cross entropy %.4f, %d pictures", result["value"], result["loss"], len(data))
    log.info("accuracy by part: %s", ", ".join(f"{name} {value:.4f}" for name, value in result["parts"].items()))
    return result


def shown(data: Labelled) -> list[int]:
    """Numbers of the test pictures that the summary shows: of rising scale where they have one, else one per class."""
    if data.zoom is None:
        return [int(np.flatnonzero(data.labels == k)[0]) for k in np.unique(data.labels)[:SHOWN]]
    places = np.linspace(0, len(data) - 1, min(SHOWN, len(data))).astype(int)
    return [int(each) for each in np.argsort(data.zoom, kind="stable")[places]]


def _by_scale(cfg, right: np.ndarray, zoom: np.ndarray) -> dict[str, float]:
    """Bins over all scales of what was predicted; that may be what is trained on, too."""
    factors = getattr(cfg.dataset.zoom, cfg.dataset.test_image_set)
    return share_by_bin(right, zoom, np.linspace(*factors, BINS + 1))


def _look(cfg, data: Labelled, predictor, place: Path) -> None:
    looker = Looker(cfg, predictor)
    forget(place, "look_*.npz")
    for number in shown(data):
        look = looker.look(data.image(number), str(number), int(data.labels[number]))
        looks.save(look_path(place, number), look)
