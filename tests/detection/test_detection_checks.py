# SPDX-License-Identifier: Apache-2.0
"""What is told of a data set before it is trained on, and what is drawn."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from small_detection import small

from detection.data import class_names
from detection.looker import painted, truth_of
from detection.pictures import drawn, drawn_truth
from detection.predictor import Detections
from detection.preflight import check_config
from lib.commands.check_data import lines
from lib.data.boxes import objects
from lib.data.streets.boxes import CLASS_NAMES, BoxSettings, generate_boxes
from lib.data.voc_labels import PALETTE, colours
from lib.pictures.boxes import draw_boxes
from lib.pictures.page import _classes

FOUND = Detections(
    np.array([[10.0, 10, 29, 29], [20, 20, 39, 39], [0, 0, 5, 5]]), np.array([0.6, 0.9, 0.1]), np.array([1, 2, 3])
)


@pytest.fixture
def cfg(tmp_path):
    """The configuration of streets with 3 pictures to train on and 2 to test on."""
    generate_boxes(tmp_path / "s", BoxSettings(train=3, val=2, height=64, width=96, seed=3))
    made = small("rpn")
    made.dataset.dataset_path, made.dataset.image_set = str(tmp_path / "s"), "2012_train"
    made.dataset.test_image_set, made.dataset.class_names, made.dataset.NUM_CLASSES = "2012_val", list(CLASS_NAMES), 9
    return made


def test_a_whole_data_set_can_be_used_in_either_format(cfg):
    report = check_config(cfg)
    assert (
        report.usable and report.splits["2012_train"].pictures == 3 and report.splits["2012_val"].sizes == {(64, 96): 2}
    )
    cfg.dataset.dataset, cfg.dataset.image_set, cfg.dataset.test_image_set = "coco", "train", "val"
    assert check_config(cfg).usable


def test_every_fault_is_told(cfg, tmp_path):
    kit = tmp_path / "s" / "VOC2012"
    (kit / "Annotations" / "train_000000.xml").write_text("<annotation>")
    (kit / "JPEGImages" / "train_000001.png").write_bytes(b"no picture")
    path = kit / "Annotations" / "train_000002.xml"
    path.write_text(path.read_text().replace("<difficult>0", "<difficult>1"))
    cfg.dataset.test_image_set = "2012_none"
    report = check_config(cfg)
    told = "\n".join(lines(report))
    assert not report.usable
    for text in ("broken annotation (1)\n    VOC2012/Annotations/train_000000.xml: not XML", "broken picture (1)",
                 "picture without objects (1)\n    VOC2012/JPEGImages/train_000002.png", "no such list"):  # fmt: skip
        assert text in told
    cfg.dataset.NUM_CLASSES = 4
    assert "9 with the background, dataset.NUM_CLASSES says 4" in "\n".join(lines(check_config(cfg)))


def test_a_set_without_objects_cannot_be_used(cfg, tmp_path):
    """Training and testing refuse it, too."""
    for path in (tmp_path / "s" / "VOC2012" / "Annotations").glob("val_*.xml"):
        path.write_text(path.read_text().replace("<difficult>0", "<difficult>1"))
    report = check_config(cfg)
    assert not report.usable
    assert [each.where for each in report.findings if each.fault == "no objects"] == ["2012_val"]


def test_every_picture_of_coco_that_is_missing_is_told(cfg, tmp_path):
    cfg.dataset.dataset, cfg.dataset.image_set, cfg.dataset.test_image_set = "coco", "train", "val"
    for number in (0, 2):
        (tmp_path / "s" / "VOC2012" / "JPEGImages" / f"train_{number:06d}.png").unlink()
    told = [each for each in check_config(cfg).findings if each.fault == "broken picture"]
    assert [(each.where[-16:], each.detail) for each in told] == [
        ("train_000000.png", "no such file"), ("train_000002.png", "no such file")
    ]  # fmt: skip


def test_what_is_found_is_drawn_from_a_score_on():
    cfg = small("rpn")
    cfg.dataset.class_names = ["a", "b", "c"]
    picture = np.asarray(drawn(cfg, np.full((50, 600, 3), 255, np.uint8), FOUND))
    assert picture.shape == (50, 600, 3)
    assert picture[29, 15].tolist() == PALETTE[1].tolist() and picture[39, 30].tolist() == PALETTE[2].tolist()
    assert (picture[0, 0] == 255).all()
    hard = objects([((10, 10, 29, 29), 1, True)])
    assert not np.array_equal(drawn_truth(np.full((50, 600, 3), 255, np.uint8), hard, ("", "a")), picture)


def test_more_classes_than_a_byte_holds_are_drawn_and_named(tmp_path):
    cfg = small("rpn")
    cfg.dataset.class_names = [f"kind {number}" for number in range(1, 301)]
    many = Detections(FOUND.boxes[:2], FOUND.scores[:2], np.array([255, 290]))
    picture = np.asarray(drawn(cfg, np.full((50, 600, 3), 255, np.uint8), many))
    assert (
        picture[29, 15].tolist() == colours(301)[255].tolist()
        and picture[39, 30].tolist() == colours(301)[290].tolist()
    )
    seen = painted(many, (50, 60), 301)
    assert seen[15, 15] == 255 and seen[25, 25] == 290
    for folder in ("JPEGImages", "Annotations"):
        (tmp_path / folder).mkdir()
    box = "<bndbox><xmin>1</xmin><ymin>1</ymin><xmax>9</xmax><ymax>9</ymax></bndbox>"
    one = f"<object><name>kind 255</name><difficult>1</difficult>{box}</object>"
    size = "<size><width>60</width><height>50</height></size>"
    (tmp_path / "Annotations" / "1.xml").write_text(f"<annotation>{size}{one}</annotation>")
    truth = truth_of(cfg, tmp_path / "JPEGImages" / "1.jpg")
    look = SimpleNamespace(prediction=seen, truth=truth, class_names=class_names(cfg), palette=colours(302))
    told = {each["name"]: tuple(each["colour"]) for each in _classes(look)}
    assert list(told) == ["__background__", "kind 255", "kind 290", "does not count"] and len(set(told.values())) == 4


def test_a_small_picture_is_enlarged():
    picture = np.asarray(draw_boxes(np.zeros((10, 60, 3), np.uint8), np.array([[1, 1, 3, 3]]), [""], [(255, 0, 0)]))
    assert picture.shape == (100, 600, 3)
    assert picture[10, 10].tolist() == picture[39, 39].tolist() == [255, 0, 0] and not picture[40, 40].any()


def test_boxes_as_a_map(cfg, tmp_path):
    made = painted(FOUND, (50, 60), 9)
    assert made[15, 15] == 1 and made[25, 25] == 2 and made[2, 2] == 0 and made[39, 39] == 2 and made[40, 40] == 0
    picture = tmp_path / "s" / "VOC2012" / "JPEGImages" / "val_000000.png"
    truth = truth_of(cfg, picture)
    assert truth.shape == (64, 96) and truth.any()
    assert truth_of(cfg, tmp_path / "other.png") is None
    cfg.dataset.class_names = []
    assert truth_of(cfg, picture) is None  # its annotation names classes of another data set
