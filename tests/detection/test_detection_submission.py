# SPDX-License-Identifier: Apache-2.0
"""Pictures whose objects only a benchmark's server knows: no number here, but the files that it takes."""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from small_detection import small

from detection.evaluation import evaluate
from detection.predictor import Detections
from detection.preflight import check_config
from detection.submission import hidden_test_set, submit
from lib.config import ConfigError
from lib.data.coco import coco
from lib.data.images import DatasetError
from lib.data.streets.boxes import CLASS_NAMES, BoxSettings, generate_boxes
from lib.data.voc_boxes import CLASS_NAMES as VOC_NAMES
from operators import extras

LOG = logging.getLogger("test")


def one_box(group, proposals=None) -> list[Detections]:
    """Of every picture: class 3, its score told by the picture."""
    return [Detections(np.array([[1.0, 2, 10, 20]]), np.array([image.mean() / 256]), np.array([3])) for image in group]


PREDICTOR = SimpleNamespace(digest="a", engine=None, detections=one_box)


@pytest.fixture
def kit(tmp_path):
    """Streets with test sets of pictures whose objects are not told: COCO's test-dev, VOC's 2012_test."""
    root = tmp_path / "kit"
    generate_boxes(root, BoxSettings(train=1, val=2, height=64, width=96, seed=3))
    files = root / "annotations"
    content = json.loads((files / "instances_val.json").read_text())
    content["annotations"] = []
    for image in content["images"]:
        image["id"] += 1000
    (files / "image_info_test-dev.json").write_text(json.dumps(content))
    (root / "images" / "test-dev").symlink_to("val")
    voc = root / "VOC2012"
    ids = (voc / "ImageSets/Main/val.txt").read_text().split()
    (voc / "ImageSets/Main/test.txt").write_text("\n".join(ids))
    for each in ids:
        (voc / "Annotations" / f"{each}.xml").unlink()
    return root


def config(root: Path, dataset: str, image_set: str):
    cfg = small("rpn")
    cfg.dataset.dataset, cfg.dataset.dataset_path, cfg.dataset.test_image_set = dataset, str(root), image_set
    cfg.dataset.NUM_CLASSES, cfg.run.name = 9, "mine"
    return cfg


def test_cocos_file_has_the_sets_and_the_algorithms_name(kit, tmp_path):
    cfg = config(kit, "coco", "test-dev")
    assert hidden_test_set(cfg) == "test-dev"
    place = submit(cfg, PREDICTOR, tmp_path / "out", LOG)
    (path,) = place.iterdir()
    rows = json.loads(path.read_text())
    assert path.name == "detections_test-dev_mine_results.json" and len(rows) == 2
    data = coco(kit, "test-dev")
    assert [str(row["image_id"]) for row in rows] == [record.name for record in data.records]
    assert {tuple(row["bbox"]) for row in rows} == {(1.0, 2.0, 10.0, 19.0)}  # x, y, width, height
    assert {row["category_id"] for row in rows} == {data.numbers[3]}
    assert rows[0]["score"] == pytest.approx(data.image(data.records[0]).mean() / 256)


def test_vocs_files_need_no_annotation(kit, tmp_path):
    cfg = config(kit, "PascalVOC", "2012_test")
    cfg.dataset.class_names, cfg.dataset.NUM_CLASSES = [], len(VOC_NAMES)
    assert hidden_test_set(cfg) == "2012_test"
    place = submit(cfg, PREDICTOR, tmp_path / "out", LOG)
    files = sorted((place / "results/VOC2012/Main").iterdir())
    assert [path.name for path in files] == sorted(f"comp4_det_test_{name}.txt" for name in VOC_NAMES[1:])
    ids = (kit / "VOC2012/ImageSets/Main/test.txt").read_text().split()
    lines = [line.split() for path in files for line in path.read_text().splitlines()]
    assert [line[0] for line in lines] == ids and all(line[2:] == ["2.0", "3.0", "11.0", "21.0"] for line in lines)


def test_what_no_server_judges(kit, tmp_path):
    own = config(kit, "PascalVOC", "2012_val")
    own.dataset.class_names = list(CLASS_NAMES)
    for ask in (hidden_test_set, lambda cfg: submit(cfg, PREDICTOR, tmp_path / "out", LOG)):
        with pytest.raises(ConfigError, match="PASCAL VOC's classes, but dataset.class_names has others"):
            ask(own)
    with pytest.raises(ConfigError, match="one image set at a time, got 'val.test-dev'"):
        submit(config(kit, "coco", "val+test-dev"), PREDICTOR, tmp_path / "out", LOG)
    assert hidden_test_set(config(kit, "coco", "val")) == "test-dev2017" and not (tmp_path / "out").exists()


@pytest.mark.parametrize("image_set", ["test-dev", "val+test-dev"])
def test_a_hidden_set_is_refused_before_anything_is_predicted(kit, tmp_path, image_set):
    with pytest.raises(
        DatasetError, match=f"objects of {image_set}".replace("+", ".") + " are not published.*--submission"
    ):
        evaluate(config(kit, "coco", image_set), SimpleNamespace(), tmp_path / "out", False, LOG)
    assert not (tmp_path / "out").exists()


def test_what_is_missing_for_cocos_numbers_is_told_before_anything_is_predicted(kit, tmp_path, monkeypatch):
    monkeypatch.setattr(extras, "find_spec", lambda name: None)
    with pytest.raises(extras.MissingExtra, match="pycocotools not installed.*setup.sh detection"):
        evaluate(config(kit, "coco", "val"), SimpleNamespace(), tmp_path / "out", False, LOG)
    assert not (tmp_path / "out").exists()


def test_a_set_of_ones_own_may_be_called_test(kit, tmp_path):
    files = kit / "annotations"
    shutil.copy(files / "instances_val.json", files / "instances_test.json")
    (kit / "images" / "test").symlink_to("val")
    assert sum(len(record.objects.boxes) for record in coco(kit, "test").records) > 0


def test_check_data_asks_no_objects_of_a_hidden_set(kit):
    cfg = config(kit, "coco", "test-dev")
    cfg.dataset.image_set = "train"
    kinds = {finding.fault for finding in check_config(cfg).findings if finding.where != "train"}
    assert not kinds & {"no objects", "classes that never occur", "picture without objects"}
    cfg.dataset.NUM_CLASSES = 5
    told = [finding for finding in check_config(cfg).findings if finding.where == "test-dev"]
    assert [finding.fault for finding in told] == ["another number of classes"]
