# SPDX-License-Identifier: Apache-2.0
"""Pictures that nobody generated: aerial photographs with boxes of trees, and streets as a car's camera sees them."""

from __future__ import annotations

import json
import shutil
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from small_detection import SMALL, config_in, train_small

from detection.data import load_dataset
from detection.system import SYSTEM
from lib.commands import check_data, predict, test, train
from lib.data import images
from lib.predictors import predictor
from lib.system import read

FRAMES = sorted((Path(__file__).parents[3] / "shared/data/cityscapes_demo").glob("*_leftImg8bit.png"))
TREES = {"OSBS_029": 61, "SOAP_061": 37}  # boxes, as counted in the XML files


@pytest.fixture
def kit(tmp_path) -> Path:
    """The two photographs, as they lie in the package, in PASCAL VOC's folders."""
    package = find_spec("deepforest")
    if package is None:
        pytest.skip("the PyPI package deepforest, in which the aerial pictures are, is not installed")
    data, year = Path(package.submodule_search_locations[0]) / "data", tmp_path / "trees" / "VOC2012"
    for place in ("JPEGImages", "Annotations", "ImageSets/Main"):
        (year / place).mkdir(parents=True)
    for name in TREES:
        shutil.copy(data / f"{name}.png", year / "JPEGImages")
        shutil.copy(data / f"{name}.xml", year / "Annotations")
    (year / "ImageSets/Main/all.txt").write_text("".join(f"{name}\n" for name in TREES))
    return year.parent


def test_aerial_photographs_are_checked_trained_on_tested_and_drawn(kit, tmp_path, capsys):
    data = [f"dataset.dataset_path={kit}", "dataset.class_names=[Tree,Alive,Dead]", "dataset.NUM_CLASSES=4",
            "dataset.image_set=2012_all", "dataset.test_image_set=2012_all", f"output_path={tmp_path}/out"]  # fmt: skip
    settings = [*SMALL, *data, "SCALES=[200,200]", "TRAIN.end_epoch=1"]
    _, cfg = read("quick_rfcn", settings)
    found = load_dataset(cfg, "2012_all")
    assert {record.name: len(record.objects.boxes) for record in found.records} == TREES
    assert found.records[0].objects.boxes[0].tolist() == [202, 66, 226, 89]  # (203, 67, 227, 90), counted from 1
    settings = ["quick_rfcn", *settings]
    assert check_data.main(settings) == 0, capsys.readouterr().out
    assert train.main(settings) == 0 and test.main(settings) == 0
    (results,) = (tmp_path / "out").rglob("results.json")
    told = json.loads(results.read_text())
    assert told["images"] == 2 and list(told["parts"]) == ["Tree", "Alive", "Dead"] and 0 <= told["value"] <= 1
    picture, drawn = kit / "VOC2012/JPEGImages/OSBS_029.png", tmp_path / "drawn"
    assert predict.main([*settings, str(picture), "--out", str(drawn)]) == 0
    with Image.open(drawn / "OSBS_029_overlay.png") as overlay:
        assert overlay.width >= 400 and overlay.width == overlay.height


@pytest.mark.skipif(not FRAMES, reason="../shared/data/cityscapes_demo, with the two frames, is not there")
def test_frames_of_a_cars_camera_are_predicted(tmp_path):
    train_small("rfcn", tmp_path, "TRAIN.end_epoch=1")
    cfg = config_in("rfcn", tmp_path, "TRAIN.end_epoch=1")
    made = predictor(SYSTEM, cfg)
    for frame in FRAMES:
        image = images.read_image(frame)
        assert image.shape == (1024, 2048, 3)
        (found,) = made.detections([image])
        assert len(found.boxes) and np.isfinite(found.boxes).all() and np.isfinite(found.scores).all()
        assert (found.boxes >= 0).all() and (found.boxes[:, [2, 3]] <= [2047, 1023]).all()
        assert (found.boxes[:, 2:] >= found.boxes[:, :2]).all()
        assert SYSTEM.draw(cfg, made, image).size == (2048, 1024)
