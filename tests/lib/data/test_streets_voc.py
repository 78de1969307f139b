# SPDX-License-Identifier: Apache-2.0
"""Streets in the layout of VOC's segmentation, and the check of such data before a training."""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from deeplab.preflight import check_config
from deeplab.schema import Config
from lib.commands.check_data import lines
from lib.data import voc_labels
from lib.data.images import DatasetError
from lib.data.preflight.voc import check_voc
from lib.data.streets.voc import generate_voc, mask_of
from lib.data.streets.write import Settings, generate
from lib.data.voc import PascalVOC

SETTINGS = Settings(train=4, val=2, height=64, width=96, seed=3)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    root = tmp_path_factory.mktemp("voc") / "streets_voc"
    assert generate_voc(root, SETTINGS)
    return root


@pytest.fixture
def kit(made, tmp_path):
    """A copy that a test may damage."""
    shutil.copytree(made, tmp_path / "kit")
    return tmp_path / "kit" / "VOC2012"


def config(kit, **train):
    cfg = Config(SCALES=[[64, 96]])
    cfg.dataset.dataset, cfg.dataset.dataset_path, cfg.dataset.NUM_CLASSES = "PascalVOC", str(kit.parent), 21
    cfg.dataset.image_set, cfg.dataset.test_image_set = "2012_train", "2012_val"
    for key, value in train.items():
        setattr(cfg.TRAIN, key, value)
    return cfg


def faults(report) -> list[tuple[str, str]]:
    return [(finding.fault, finding.detail) for finding in report.findings if finding.level == "error"]


def test_the_reader_reads_it(made):
    data = PascalVOC(made, "2012_train+2012_val")
    assert [record.name for record in data.records[:5:4]] == ["train_000000", "val_000000"]
    seen = set()
    for record in data.records:
        image, truth = data.pair(record)
        assert image.shape == (64, 96, 3)
        seen |= set(np.unique(truth).tolist())
    named = {voc_labels.CLASS_NAMES[number] for number in seen - {255}}
    assert 255 in seen and {"background", "pottedplant", "car"} <= named
    with Image.open(data.records[0].label) as stored:
        assert stored.mode == "P" and stored.getpalette()[: 3 * 21] == voc_labels.PALETTE[:21].ravel().tolist()


def test_it_is_made_once_and_never_over_another_data_set(made, tmp_path):
    assert not generate_voc(made, SETTINGS)
    generate(tmp_path / "streets", SETTINGS)
    with pytest.raises(DatasetError, match="not a streets dataset, left alone"):
        generate_voc(tmp_path / "streets", SETTINGS)
    with pytest.raises(DatasetError, match="holds a dataset with other settings .seed 3 there, 4 asked"):
        generate_voc(made, replace(SETTINGS, seed=4))


def test_borders_are_void_on_both_sides():
    mask = mask_of(np.array([[26, 26, 26, 7, 7, 7]], np.uint8))  # a car beside the road
    assert mask.tolist() == [[7, 7, 255, 255, 0, 0]]


def test_a_good_set_can_be_used(kit):
    report = check_config(config(kit))
    assert report.usable and set(report.splits) == {"2012_train", "2012_val"}
    text = "\n".join(lines(report))
    assert "2012_train: 4 pictures, 4 with labels; 96 x 64" in text and "classes that never occur" in text


def test_what_is_wrong_is_named(kit):
    Image.fromarray(np.full((64, 96), 77, np.uint8)).save(kit / "SegmentationClass" / "train_000001.png")
    Image.fromarray(np.zeros((64, 90), np.uint8)).save(kit / "SegmentationClass" / "train_000002.png")
    (kit / "JPEGImages" / "train_000003.jpg").write_bytes(b"no picture")
    (kit / "SegmentationClass" / "val_000001.png").unlink()
    report = check_config(config(kit), workers=2)
    found = dict(faults(report))
    assert found["ids that do not exist"] == "ids [77]"
    assert found["labels of another size than the picture"] == "labels 90 x 64, picture 96 x 64"
    assert "broken picture" in found and "val_000001.png: no such file" in found["image set cannot be read"]
    assert not report.usable


def test_sizes_are_held_to_the_settings(kit):
    wide = Image.fromarray(np.zeros((64, 120, 3), np.uint8))
    wide.save(kit / "JPEGImages" / "val_000001.jpg")
    Image.fromarray(np.zeros((64, 120), np.uint8)).save(kit / "SegmentationClass" / "val_000001.png")
    cfg = config(kit, BATCH_IMAGES=3, ENABLE_CROP=True, CROP_HEIGHT=80, CROP_WIDTH=80)
    cfg.TEST.BATCH_IMAGES = 2
    found = faults(check_config(cfg))
    assert ("crop does not fit", "4 pictures are 96 x 64 under SCALES, the crop is 80 x 80") in found
    assert any(fault == "sizes differ under SCALES" for fault, _ in found)
    cfg.TRAIN.CROP_PAD, cfg.TEST.BATCH_IMAGES = True, 1
    assert check_config(cfg).usable


def test_a_missing_kit_is_told_in_words(tmp_path):
    (finding,) = check_voc(tmp_path, "2012_train").findings
    assert finding.fault == "image set cannot be read" and "VOC2012 is not a folder" in finding.detail
