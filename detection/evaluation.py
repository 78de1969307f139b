# SPDX-License-Identifier: Apache-2.0
"""Evaluates a trained network on a data set: detections kept in a file, the original's result files and log lines."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

import numpy as np
from tqdm import tqdm

from detection.data import is_coco, is_hidden, load_dataset
from detection.looker import look_for_box, save_box
from detection.predictor import Detections
from detection.proposals import read_proposals
from detection.results import check_coco, coco_numbers, require_objects, voc_numbers, write_coco, write_voc
from lib.data.images import DatasetError
from lib.data.prefetch import prefetch
from lib.run.atomic import write_with
from lib.run.damage import DamagedFile, read_arrays

STORED = "detections.npz"
PARTS = ("boxes", "scores", "classes")
REMEDY = "./test.sh CONFIG --ignore_cache predicts them again"
PICTURES = 3  # that the summary shows


def evaluate(cfg, predictor, place: Path, ignore_cache: bool, log) -> dict:
    """Finds what these parameters see, unless that is stored, and measures it; keeps where it looks for one box.

    predictor: has `path` and `digest` of its parameters. place: folder of the result files. Gives metric, value,
    images, parts (by class name), and of VOC `map_50` and `map_70`.
    """
    data = load_dataset(cfg, cfg.dataset.test_image_set)
    if is_hidden(cfg, cfg.dataset.test_image_set):
        raise DatasetError(
            f"dataset.test_image_set: the objects of {cfg.dataset.test_image_set} are not published, so there is no "
            "number; ./test.sh CONFIG --submission writes what COCO's server takes"
        )
    require_objects(data)
    if is_coco(cfg):
        check_coco()
    place.mkdir(parents=True, exist_ok=True)
    proposals = read_proposals(cfg, data.records)
    made_by = _made_by(cfg, predictor, data, proposals)
    found = None if ignore_cache else read_detections(place, made_by)
    if found is None:
        found = predict(cfg, data, predictor, proposals, log)
        _store(place, made_by, found)
    else:
        log.info("using the detections stored in %s; --ignore_cache predicts them again", place / STORED)
    save_box(place, look_for_box(cfg, predictor, data, shown(data), found))
    log.info("evaluate detections: ")
    if is_coco(cfg):
        path = write_coco(place, data, cfg.dataset.test_image_set, found)
        numbers, lines = coco_numbers(path, data, cfg.dataset.test_image_set)
    else:
        write_voc(place, data, found)
        numbers, lines = voc_numbers(data, found)
    for line in lines:
        log.info(line)
    return {**numbers, "images": len(data.records), "detections": int(sum(len(each.scores) for each in found))}


def shown(data) -> np.ndarray:
    """Numbers of the test pictures that the summary shows, evenly spaced in the list, each once."""
    return np.unique(np.linspace(0, len(data.records) - 1, PICTURES + 2).astype(int)[1:-1])


def _made_by(cfg, predictor, data, proposals: dict[str, np.ndarray]) -> str:
    """What detections depend on: parameters, network, scale, thresholds, pictures, the proposals of a file."""
    told = [cfg.symbol, str(cfg.net), str(cfg.SCALES), str(cfg.network), str(cfg.TEST), cfg.engine, cfg.run.precision,
            str(cfg.CLASS_AGNOSTIC), str(cfg.TRAIN.BBOX_MEANS), str(cfg.TRAIN.BBOX_STDS), predictor.digest,
            *(f"{each.name} {each.size} {_bytes(each.image)}" for each in data.records)]  # fmt: skip
    told += [hashlib.sha256(each.tobytes()).hexdigest() for each in proposals.values()]
    return hashlib.sha256("\n".join(told).encode()).hexdigest()


def _bytes(picture: Path) -> int:
    """A file's size tells other pictures of the same names: cheap, and it survives copying, unlike times."""
    try:
        return picture.stat().st_size
    except OSError as error:
        raise DatasetError(f"{picture}: {error.strerror}") from None


def _store(place: Path, made_by: str, found: list[Detections]) -> None:
    counts = np.array([len(each.scores) for each in found])
    arrays = {name: np.concatenate([getattr(each, name) for each in found]) for name in PARTS}
    write_with(place / STORED, lambda file: np.savez(file, counts=counts, made_by=np.array(made_by), **arrays))


def read_detections(place: Path, made_by: str = "") -> list[Detections] | None:
    """What `evaluate` has stored; None if there is nothing, or it was made by something else. Raises DamagedFile."""
    path = place / STORED
    if not path.is_file():
        return None
    stored = read_arrays(path, REMEDY)
    if missing := {"made_by", "counts", *PARTS} - set(stored):
        raise DamagedFile(f"{path}: damaged (no {', '.join(sorted(missing))} in it); {REMEDY}")
    if made_by and str(stored["made_by"]) != made_by:
        return None
    cuts = np.cumsum(stored["counts"])[:-1]
    return [Detections(*each) for each in zip(*(np.split(stored[name], cuts) for name in PARTS))]


def predict(cfg, data, predictor, proposals: dict[str, np.ndarray], log) -> list[Detections]:
    """What is found on the pictures of `data`, in their order. proposals: of `read_proposals`."""
    size, count = cfg.TEST.BATCH_IMAGES, len(data.records)
    groups = [data.records[first : first + size] for first in range(0, count, size)]
    seconds, clock, found = np.zeros(2), time.perf_counter(), []
    with tqdm(total=count, unit="image", desc="testing", dynamic_ncols=True, disable=None) as bar:
        for names, group in prefetch(lambda: (_read(data, each) for each in groups)):
            read = time.perf_counter()
            found += predictor.detections(group, [proposals[name] for name in names] if proposals else None)
            computed = time.perf_counter()
            seconds += (read - clock, computed - read)
            clock = computed
            bar.update(len(group))
            log.info("testing %d/%d data %.4fs net %.4fs post %.4fs", len(found), count, *seconds / len(found), 0.0)
    return found


def _read(data, records) -> tuple[list[str], list[np.ndarray]]:
    """Names and pictures."""
    return [record.name for record in records], [data.image(record) for record in records]
