# SPDX-License-Identifier: Apache-2.0
"""Evaluates predictions: one paletted PNG per picture, one confusion matrix over all of them, IoU per class."""

from __future__ import annotations

import hashlib
import json
import logging
from pathlib import Path

import numpy as np
from PIL import Image

from lib.data import images, labels
from lib.data.images import DatasetError
from lib.metrics.iou import confusion_matrix, iou_per_class, present_classes
from lib.run.atomic import write_json, write_with

STAMP = "made_by.json"
_log = logging.getLogger(__name__)


class Evaluator:
    """Collects the predictions of a dataset in a folder and evaluates them.

    The result files are also the cache, as in the original: what lies in the folder need not be predicted again. A
    file beside them says which weights made them from which pictures, so that results of other weights or of another
    dataset with the same names are never taken for these.

    Args:
        ds: a dataset as load_dataset gives it.
        result_dir: folder of <city>/<name>.png (VOC<year>/Segmentation/<id>.png), made if absent.
        made_by: text that names the weights and settings the predictions come from (a checkpoint's path and digest).
        log: where to say that cached results are used or discarded; None: this module's logger.
    """

    def __init__(self, ds, result_dir: str | Path, made_by: str = "", log: logging.Logger | None = None):
        self._ds, self._dir, self._made_by = ds, Path(result_dir), made_by
        self._log = _log if log is None else log

    def path(self, record) -> Path:
        """The result file of a record."""
        return self._dir / record.city / f"{record.name}.png"

    def pending(self, ignore_cache: bool = False) -> list:
        """The records that must still be predicted; says in the log which results are reused or thrown away, and why.

        ignore_cache: predict everything again.
        """
        stored = [record for record in self._ds.records if self.path(record).is_file()]
        reason = "--ignore_cache" if ignore_cache else self._why_stale() if stored else ""
        if not stored or reason:
            for record in stored:
                self.path(record).unlink()
            if stored:
                self._log.info("discarded %d cached results in %s: %s", len(stored), self._dir, reason)
            self._dir.mkdir(parents=True, exist_ok=True)
            write_json(self._dir / STAMP, {"made_by": self._made_by, "pictures": self._pictures()})
            return list(self._ds.records)
        self._log.info(
            "using %d of %d results cached in %s, made by %s; --ignore_cache predicts them again",
            len(stored), len(self._ds.records), self._dir, self._made_by or "unnamed weights",
        )  # fmt: skip
        have = set(stored)
        return [record for record in self._ds.records if record not in have]

    def _why_stale(self) -> str:
        try:
            stamp = json.loads((self._dir / STAMP).read_text(encoding="utf-8"))
            made_by, seen = stamp["made_by"], stamp["pictures"]
        except (OSError, ValueError, KeyError, TypeError):
            return f"{STAMP} does not say which weights made them"
        if made_by != self._made_by:
            return f"made by {made_by or 'unnamed weights'}, not {self._made_by or 'unnamed weights'}"
        return "" if seen == self._pictures() else "made from other pictures of the same names"

    def _pictures(self) -> str:
        """A digest of the pictures' names and file sizes: cheap, and it survives copying, unlike times."""
        listing = "\n".join(f"{r.city}/{r.name} {r.image.stat().st_size}" for r in self._ds.records)
        return hashlib.sha256(listing.encode()).hexdigest()[:16]

    def add(self, record, train_ids: np.ndarray) -> Path:
        """Writes the prediction of a record, completely or not at all, and gives the file's path.

        train_ids: integers (h, w), 0..num_classes-1, at any size (evaluation brings them to the truth's, or the truth
            to theirs, as the dataset's judged_at says).
        """
        if train_ids.ndim != 2 or not np.issubdtype(train_ids.dtype, np.integer):
            raise ValueError(f"{record.name}: expected integers (h, w), got {train_ids.dtype} {train_ids.shape}")
        if train_ids.size == 0 or train_ids.min() < 0 or train_ids.max() >= self._ds.num_classes:
            raise ValueError(
                f"{record.name}: expected train ids 0..{self._ds.num_classes - 1}, got {_range(train_ids)}"
            )
        image = Image.fromarray(train_ids.astype(np.uint8))
        image.putpalette(self._ds.palette.astype(np.uint8).tobytes())
        path = self.path(record)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_with(path, lambda file: image.save(file, format="PNG"))
        return path

    def report(self) -> dict:
        """Evaluates all result files against the truth.

        Returns:
            meanIU: mean IoU over all classes, absent ones counting 0, as the original has it.
            meanIU_present: mean over the classes that occur in truth or prediction, as cityscapesScripts has it.
            IU_array: float64 (num_classes,).
            confusion: int64 (num_classes, num_classes), rows = truth.
            lines: the original's lines of text, then that mean over present classes, then IoU by class name.
        Raises DatasetError naming a missing or broken result file, or if no pixel has a class.
        """
        total = np.zeros((self._ds.num_classes,) * 2, np.int64)
        for record in self._ds.records:
            truth = self._ds.truth(record)
            try:
                predicted = images.read_label(self.path(record))
            except DatasetError as error:
                raise DatasetError(f"{error}; --ignore_cache predicts all anew") from None
            if self._ds.judged_at == "truth":
                predicted = images.resize_label(predicted, truth.shape)
            else:
                truth = images.resize_label(truth, predicted.shape)
            try:
                total += confusion_matrix(truth, predicted, self._ds.num_classes, labels.IGNORE)
            except ValueError as error:
                raise DatasetError(f"{self.path(record)}: {error}") from None
        if not total.any():
            raise DatasetError(f"{self._ds.root}: expected classes to measure by, got {len(self._ds.records)} pictures "
                               f"of {self._ds.image_set} without a pixel that has one")  # fmt: skip
        per_class, present = iou_per_class(total), present_classes(total)
        result = {
            "meanIU": float(per_class.mean()),
            "meanIU_present": float(per_class[present].mean()) if present.any() else 0.0,
            "IU_array": per_class,
            "confusion": total,
        }
        numbers = [f"{value:.5f}" for value in per_class]
        named = [f"{name}: {value:.5f}" for name, value in zip(self._ds.class_names, per_class)]
        result["lines"] = [
            "evaluate segmentation:",
            "IU_array:",
            *numbers,
            f"meanIU:{result['meanIU']:.5f}",
            f"meanIU_present:{result['meanIU_present']:.5f} (mean of the {present.sum()} classes that occur)",
            f"IU by class: {', '.join(named)}",
        ]
        return result


def _range(array: np.ndarray) -> str:
    return f"{array.min()}..{array.max()}" if array.size else f"an empty array {array.shape}"
