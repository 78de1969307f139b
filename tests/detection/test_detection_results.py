# SPDX-License-Identifier: Apache-2.0
"""Detections as files and as numbers, and how they are chosen from what a network computes."""

from __future__ import annotations

import json
import shutil
from types import SimpleNamespace

import mxnet as mx
import numpy as np
import pytest
from small_detection import Drawn, small

from detection import predictor as module
from detection.anchors import base
from detection.evaluation import evaluate, read_detections
from detection.predictor import Detections, Predictor
from detection.results import coco_numbers, read_voc, voc_file, voc_numbers, voc_numbers_of, write_coco, write_voc
from lib.data.coco import coco
from lib.data.images import DatasetError
from lib.data.streets.boxes import CLASS_NAMES, BoxSettings, generate_boxes
from lib.data.voc_boxes import voc_boxes
from lib.run.damage import DamagedFile

NOTHING = Detections(np.zeros((0, 4)), np.zeros(0), np.zeros(0, np.int64))


def seen(record, shift: float = 0.0) -> Detections:
    """The truth itself, moved to the right."""
    boxes = record.objects.boxes + np.array([shift, 0, shift, 0])
    return Detections(boxes.astype(float), np.linspace(0.9, 0.5, len(boxes)), record.objects.classes)


@pytest.fixture(scope="module")
def streets(tmp_path_factory):
    place = tmp_path_factory.mktemp("boxes") / "streets"
    generate_boxes(place, BoxSettings(train=1, val=4, height=64, width=96, seed=3))
    return place


def test_numbers_of_what_is_all_right_and_of_nothing(streets):
    data = voc_boxes(streets, "2012_val", CLASS_NAMES)
    numbers, lines = voc_numbers(data, [seen(record) for record in data.records])
    assert numbers["value"] == numbers["map_50"] == numbers["map_70"] == 1
    assert lines[0] == "VOC07 metric? No" and "Mean AP@0.5 = 1.0000" in lines and "Mean AP@0.7 = 1.0000" in lines
    assert {None, 1.0} >= set(numbers["parts"].values())
    assert voc_numbers(data, [NOTHING] * 4)[0]["value"] == 0
    near = voc_numbers(data, [seen(record, 3) for record in data.records])[0]
    assert near["map_70"] < near["map_50"]  # small boxes are too far then
    for record in data.records:
        record.objects.difficult[:] = True
    with pytest.raises(DatasetError, match="no picture of the test set has an object that counts"):
        voc_numbers(data, [NOTHING] * 4)


def test_the_rule_of_2007_is_taken_for_2007():
    data = Drawn(2)
    data.year = 2007
    assert voc_numbers(data, [seen(record) for record in data.records])[1][0] == "VOC07 metric? Y"


def test_result_files_are_voc_s_and_read_back(streets, tmp_path):
    data = voc_boxes(streets, "2012_val", CLASS_NAMES)
    found = [seen(record) for record in data.records]
    write_voc(tmp_path, data, found)
    name = data.class_names[found[0].classes[0]]
    line = voc_file(tmp_path, 2012, name).read_text().splitlines()[0].split()
    assert line[:2] == [data.records[0].name, "0.900"] and line[2] == f"{found[0].boxes[0, 0] + 1:.1f}"
    assert voc_numbers_of(data, read_voc(tmp_path, data))[0] == voc_numbers(data, found)[0]
    for line in ("who 0.5 1 2 3 4", f"{data.records[0].name} high 1 2 3 4", f"{data.records[0].name} nan 1 2 3 4"):
        voc_file(tmp_path, 2012, name).write_text(f"{line}\n")
        with pytest.raises(DatasetError, match=f"det_test_{name}.txt: line 1: expected a picture's name"):
            read_voc(tmp_path, data)
    data.records.append(data.records[0])  # of another year
    with pytest.raises(DatasetError, match="two pictures have one name, which result files cannot tell apart"):
        read_voc(tmp_path, data)


def test_cocos_numbers_through_pycocotools(streets, tmp_path):
    pytest.importorskip("pycocotools", reason="needs the extra `detection`")
    data = coco(streets, "val")
    path = write_coco(tmp_path, data, "val", [seen(record) for record in data.records])
    numbers, lines = coco_numbers(path, data, "val")
    assert numbers["value"] == pytest.approx(1) and lines[0].startswith("~~~~ Mean and per-category AP")
    assert lines[1] == f"{'all':<15s} 100.0" and any("Average Precision" in line for line in lines)
    path = write_coco(tmp_path, data, "val", [NOTHING] * 4)
    assert coco_numbers(path, data, "val")[0]["value"] == 0


def test_a_set_of_coco_without_objects_is_refused_before_anything_is_predicted(streets, tmp_path):
    shutil.copytree(streets, tmp_path / "kit", symlinks=True)
    file = tmp_path / "kit" / "annotations" / "instances_val.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "annotations": []}))
    cfg = small("rpn")
    cfg.dataset.dataset, cfg.dataset.dataset_path, cfg.dataset.test_image_set = "coco", str(tmp_path / "kit"), "val"
    cfg.dataset.NUM_CLASSES = 9
    with pytest.raises(DatasetError, match="no picture of the test set has an object that counts"):
        evaluate(cfg, SimpleNamespace(), tmp_path / "out", False, SimpleNamespace())
    assert not (tmp_path / "out").exists()


def test_cocos_numbers_of_annotations_without_area_and_crowds(streets, tmp_path):
    """Which pycocotools asks of each, and many tools do not write."""
    pytest.importorskip("pycocotools", reason="needs the extra `detection`")
    shutil.copytree(streets, tmp_path / "kit", symlinks=True)
    file = tmp_path / "kit" / "annotations" / "instances_val.json"
    content = json.loads(file.read_text())
    for each in content["annotations"]:
        del each["area"], each["iscrowd"]
    file.write_text(json.dumps(content))
    data = coco(tmp_path / "kit", "val")
    path = write_coco(tmp_path, data, "val", [seen(record) for record in data.records])
    assert coco_numbers(path, data, "val")[0]["value"] == pytest.approx(1)


def test_cocos_numbers_of_two_sets_that_are_joined(streets, tmp_path):
    """Whose files count their annotations from 1 each."""
    pytest.importorskip("pycocotools", reason="needs the extra `detection`")
    shutil.copytree(streets, tmp_path / "kit", symlinks=True)
    files = tmp_path / "kit" / "annotations"
    content = json.loads((files / "instances_val.json").read_text())
    for each in (*content["images"], *content["annotations"]):
        key = "image_id" if "image_id" in each else "id"
        each[key] += 100
    (files / "instances_more.json").write_text(json.dumps(content))
    (tmp_path / "kit" / "images" / "more").symlink_to("val")
    data = coco(tmp_path / "kit", "val+more")
    path = write_coco(tmp_path, data, "val+more", [seen(record) for record in data.records])
    assert coco_numbers(path, data, "val+more")[0]["value"] == pytest.approx(1)
    half = [seen(record) if number < 4 else NOTHING for number, record in enumerate(data.records)]
    path = write_coco(tmp_path, data, "val+more", half)
    assert coco_numbers(path, data, "val+more")[0]["value"] == pytest.approx(0.5, abs=0.02)


class Engine:
    """Computes what it was told."""

    def __init__(self, **arrays):
        self._arrays, self.given = {f"{name}_output": value for name, value in arrays.items()}, []

    def build(self, network, arg, aux):
        self.held = list(arg)

    def compute(self, inputs, outputs):
        self.given.append(inputs)
        return {name: self._arrays[name] for name in outputs}


@pytest.fixture
def predict(monkeypatch):
    """predict(cfg, pictures, **outputs) -> their Detections."""
    monkeypatch.setattr(module, "test_network", lambda cfg: None)

    def call(cfg, pictures, **arrays):
        engine = Engine(**arrays)
        held = {"rfcn_bbox_weight": 1, "rfcn_bbox_weight_test": 2, "rfcn_bbox_bias_test": 3}
        return Predictor(cfg, engine, held, {}).detections(pictures), engine

    return call


def test_what_is_judged_is_decoded_scaled_back_and_suppressed_by_class(predict):
    cfg = small("rfcn")
    cfg.SCALES, cfg.TEST.max_per_image = [[128, 192]], 3
    rois = np.array([[0, 20, 20, 39, 39], [0, 22, 20, 41, 39], [0, 100, 100, 119, 119]], float)
    scores = np.array([[0, 0.9, 0.0005, 0], [0, 0.8, 0.3, 0], [0.1, 0.7, 0, 0.6]])
    deltas = np.zeros((3, 8))
    deltas[:, :4], deltas[2, 4] = 99, 1  # the first four are the background's; 1 is .1 of a width of 20
    found, engine = predict(cfg, [np.zeros((64, 96, 3), np.uint8)], rois=rois, cls_prob=scores, bbox_pred=deltas)
    (one,) = found
    assert engine.given[0]["im_info"].tolist() == [[128, 192, 2]]
    assert engine.held == ["rfcn_bbox_weight"]  # not the copies that the original's files hold
    assert one.classes.tolist() == [1, 1, 3] and one.scores.tolist() == [0.9, 0.7, 0.6]  # .3 of class 2 is too many
    assert one.boxes.tolist() == [[10, 10, 19.5, 19.5], [51, 50, 60.5, 59.5], [51, 50, 60.5, 59.5]]


def test_each_class_has_its_deltas_where_the_network_gives_them(predict):
    cfg = small("rcnn")
    deltas = np.zeros((1, 16))
    deltas[0, 8] = 5  # half a width, for class 2
    rois, scores = np.array([[0, 0, 0, 9, 9.0]]), np.array([[0, 0, 0.5, 0]])
    (one,), _ = predict(cfg, [np.zeros((64, 96, 3), np.uint8)], rois=rois, cls_prob=scores, bbox_pred=deltas)
    assert one.boxes.tolist() == [[5, 0, 14, 9]]


def test_the_anchors_of_a_class_aware_network_and_pictures_of_two_sizes(predict):
    cfg = small("rpn")
    probability, deltas = np.zeros((2, 16, 12, 12)), np.zeros((2, 16, 12, 12))
    probability[:, :4] = 1
    probability[0, 4 * 3 + 1, 4, 5] = 0.5  # anchor 1, class 3, cell (4, 5)
    probability[1, 4 * 2, 2, 2], probability[1, 4 * 2, 2, 9] = 0.25, 0.9  # the last one is in the padding
    pictures = [np.zeros((64, 96, 3), np.uint8), np.zeros((96, 64, 3), np.uint8)]
    (one, two), _ = predict(cfg, pictures, rpn_cls_prob_reshape=probability, rpn_bbox_pred=deltas)
    assert one.classes.tolist() == [3] and one.boxes.tolist() == [(base(cfg)[1] + [40, 32, 40, 32]).tolist()]
    assert two.classes.tolist() == [2] and two.scores.tolist() == [0.25]


def test_detections_are_stored_for_the_parameters_that_made_them(streets, tmp_path):
    cfg = small("rpn")
    cfg.dataset.dataset_path, cfg.dataset.test_image_set = str(streets), "2012_val"
    cfg.dataset.class_names, cfg.dataset.NUM_CLASSES = list(CLASS_NAMES), 9
    data = voc_boxes(streets, "2012_val", CLASS_NAMES)
    calls = []

    def detections(pictures, proposals=None):
        assert proposals is None
        calls.append(len(pictures))
        return [seen(record) for record in data.records][sum(calls) - len(pictures) : sum(calls)]

    log = SimpleNamespace(info=lambda *unused: None)
    ordinary = SimpleNamespace(network=SimpleNamespace(graph=mx.sym.var("data").tojson()))
    trained = SimpleNamespace(digest="one", detections=detections, engine=ordinary)
    numbers = evaluate(cfg, trained, tmp_path, False, log)
    assert numbers["value"] == 1 and numbers["images"] == 4 and calls == [2, 2]
    assert evaluate(cfg, trained, tmp_path, False, log) == numbers and calls == [2, 2]
    assert len(read_detections(tmp_path)) == 4 and read_detections(tmp_path, "another") is None
    (place := tmp_path / "damaged").mkdir()
    np.savez(place / "detections.npz", boxes=[], classes=[])
    for told in ("no counts, made_by, scores in it", "BadZipFile"):
        with pytest.raises(DamagedFile, match=f"detections.npz: damaged .{told}.*--ignore_cache predicts them again"):
            evaluate(cfg, trained, place, False, log)
        (place / "detections.npz").write_bytes(b"PK\x03\x04")

    def again():
        calls.clear()
        evaluate(cfg, trained, tmp_path, False, log)
        return calls == [2, 2]

    trained.digest = "two"
    assert again() and not again()
    cfg.TRAIN.BBOX_STDS = [0.2, 0.2, 0.2, 0.2]  # deltas are scaled back by them
    assert again() and not again()
    other = tmp_path / "other"  # has pictures of the same names and sizes
    generate_boxes(other, BoxSettings(train=1, val=4, height=64, width=96, seed=4))
    cfg.dataset.dataset_path = str(other)
    assert again() and not again()
