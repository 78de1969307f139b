# SPDX-License-Identifier: Apache-2.0
"""Detections on pictures whose objects nobody here knows, as the servers of COCO and PASCAL VOC take them.

COCO: detections_<set>_<algorithm>_results.json, in a .zip (cocodataset.org, "Upload Results"); the algorithm is
run.name. PASCAL VOC: results/VOC2012/Main/comp4_det_test_<class>.txt, in a .tar.gz (the development kit's paper).
"""

from __future__ import annotations

from pathlib import Path

from detection.data import is_coco, is_hidden, load_dataset
from detection.evaluation import predict
from detection.proposals import read_proposals
from detection.results import write_coco, write_voc
from lib.config import ConfigError
from lib.data.cityscapes import image_sets


def hidden_test_set(cfg) -> str:
    """The image set that the server judges; of COCO the configuration's own, if that is one. Raises ConfigError for
    classes that are not VOC's."""
    if is_coco(cfg):
        own = cfg.dataset.test_image_set
        return own if is_hidden(cfg, own) else "test-dev2017"
    if cfg.dataset.class_names:
        raise ConfigError("--submission: the server judges PASCAL VOC's classes, but dataset.class_names has others")
    return "2012_test"


def submit(cfg, predictor, place: Path, log) -> Path:
    """Writes what was found on the pictures of cfg.dataset.test_image_set. Gives `place`."""
    hidden_test_set(cfg)
    image_set = cfg.dataset.test_image_set
    if len(image_sets(image_set)) > 1:
        raise ConfigError(f"--submission: the server judges one image set at a time, got {image_set!r}")
    data = load_dataset(cfg, image_set, truth=False)
    found = predict(cfg, data, predictor, read_proposals(cfg, data.records), log)
    place.mkdir(parents=True, exist_ok=True)
    if is_coco(cfg):
        path = write_coco(place, data, f"{image_set}_{cfg.run.name}", found)
        log.info("%s; pack it: (cd %s && zip ../submission.zip %s)", path, place, path.name)
    else:
        write_voc(place / "results", data, found)
        log.info("%s; pack it: (cd %s && tar czf ../submission.tar.gz results)", place / "results", place)
    return place
