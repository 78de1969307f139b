# SPDX-License-Identifier: Apache-2.0
"""PASCAL VOC: its lists and masks, evaluation as the original does it, and a small run from end to end."""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from deeplab.batches import Batches
from deeplab.data import load_dataset
from deeplab.evaluate import Evaluator
from deeplab.schema import Config, load
from lib.data import images, voc_labels
from lib.data.images import DatasetError
from lib.data.voc import PascalVOC
from lib.metrics.iou import confusion_matrix, iou_per_class

ROOT = Path(__file__).parents[3]
CFGS = ROOT / "experiments" / "deeplab" / "cfgs"


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    from voc_standin import write_kit

    root = tmp_path_factory.mktemp("voc") / "VOCdevkit2012"
    write_kit(root)
    return root


@pytest.fixture
def root(source, tmp_path):
    """A copy that a test may damage."""
    return Path(shutil.copytree(source, tmp_path / "VOCdevkit2012"))


def config(root, **dataset):
    cfg = Config()
    cfg.dataset.dataset, cfg.dataset.dataset_path, cfg.dataset.NUM_CLASSES = "PascalVOC", str(root), 21
    for key, value in dataset.items():
        setattr(cfg.dataset, key, value)
    return cfg


def test_classes_and_colours_are_those_of_voc():
    assert len(voc_labels.CLASS_NAMES) == 21 and voc_labels.CLASS_NAMES[15] == "person"
    colours = {0: (0, 0, 0), 1: (128, 0, 0), 2: (0, 128, 0), 4: (0, 0, 128), 8: (64, 0, 0), 15: (192, 128, 128),
               20: (0, 64, 128), 255: (224, 224, 192)}  # fmt: skip
    assert {number: tuple(voc_labels.PALETTE[number]) for number in colours} == colours


def test_records_keep_the_order_of_the_list_and_masks_are_read_by_value(source, caplog, monkeypatch):
    name = "active-convnets"  # the log that a run opens
    monkeypatch.setattr(logging.getLogger(name), "propagate", True)  # a run before may have changed that
    caplog.set_level(logging.INFO, name)
    ds = load_dataset(config(source), "2012_train_seg")
    assert [record.name for record in ds.records] == [f"2012_{number:06d}" for number in range(6)]
    assert ds.listing == source / "VOC2012/ImageSets/Segmentation/train.txt"
    assert "Main/train_seg.txt is not there" in caplog.text and f"the list is {ds.listing}" in caplog.text
    caplog.clear()
    load_dataset(config(source), "2012_train")
    assert "is not there" not in caplog.text
    assert len(load_dataset(config(source, dataset="pascalvoc"), "2012_trainval").records) == 9
    seen = set()
    for record in ds.records:
        image, truth = ds.pair(record)
        assert image.shape == (*truth.shape, 3) and image.dtype == truth.dtype == np.uint8
        seen.update(np.unique(truth))
    assert {0, 255} < seen and voc_labels.CLASS_NAMES.index("car") in seen
    assert {truth.shape for truth in map(ds.truth, ds.records)} == {(64, 96), (96, 72), (64, 80)}


def test_the_originals_list_goes_before_that_of_the_kit(root):
    own = root / "VOC2012/ImageSets/Main/train_seg.txt"
    own.parent.mkdir()
    own.write_text("2012_000004\n2012_000001\n")
    ds = PascalVOC(root, "2012_train_seg")
    assert ds.listing == own and [record.name for record in ds.records] == ["2012_000004", "2012_000001"]
    assert len(PascalVOC(root, "2012_train").records) == 6


def test_augmented_lists_prefer_the_masks_that_are_kept_apart(root):
    from voc_standin import save_mask

    kit = root / "VOC2012"
    (kit / "ImageSets/Segmentation/trainaug.txt").write_text("2012_000000\n2012_000001\n")
    save_mask(kit / "SegmentationClassAug/2012_000001.png", np.full((96, 72), 20, np.uint8))
    ds = PascalVOC(root, "2012_trainaug")
    assert [record.label.parent.name for record in ds.records] == ["SegmentationClass", "SegmentationClassAug"]
    assert (ds.truth(ds.records[1]) == 20).all()
    assert {record.label.parent.name for record in PascalVOC(root, "2012_train").records} == {"SegmentationClass"}


def test_what_is_missing_or_wrong_is_named(root):
    kit = root / "VOC2012"
    for image_set, text in [
        ("train", "image set 'train': expected '<year>_<list>'"),
        ("2007_train", "dataset.dataset_path: .*VOC2007 is not a folder"),
        ("2012_trainaug", r"found no .*trainaug\.txt; .*Segmentation has train, trainval, val"),
    ]:
        with pytest.raises(DatasetError, match=text):
            PascalVOC(root, image_set)
    with pytest.raises(DatasetError, match="NUM_CLASSES: PascalVOC has 21 classes, got 19"):
        load_dataset(config(root, NUM_CLASSES=19), "2012_train")
    ds = PascalVOC(root, "2012_val")
    truth = ds.truth(ds.records[0]).copy()
    truth[3, 5] = 21
    Image.fromarray(truth).save(ds.records[0].label)
    with pytest.raises(DatasetError, match=r"2012_000006\.png: class 21 at row 3, column 5; expected 0-20 and 255"):
        ds.truth(ds.records[0])
    Image.fromarray(truth[:-1]).save(ds.records[0].label)
    truth[3, 5] = 0
    Image.fromarray(truth[:-1]).save(ds.records[0].label)
    with pytest.raises(DatasetError, match=r"2012_000006\.png: 96 x 63 pixels .*2012_000006\.jpg has 96 x 64"):
        ds.pair(ds.records[0])
    with pytest.raises(DatasetError, match=r"2012_000006\.png: 96 x 63 pixels .*2012_000006\.jpg has 96 x 64"):
        ds.truth(ds.records[0])  # evaluation would stretch it over the picture
    (kit / "ImageSets/Segmentation/twice.txt").write_text("2012_000006\n2012_000007\n2012_000006\n")
    with pytest.raises(DatasetError, match=r"twice\.txt: 2012_000006 stands in it twice"):
        PascalVOC(root, "2012_twice")
    ds.records[1].label.unlink()
    with pytest.raises(DatasetError, match=r"2012_000007\.png: no such file \(1 of the 3 pictures of .*val\.txt"):
        PascalVOC(root, "2012_val")
    (kit / "ImageSets/Segmentation/val.txt").write_text("\n")
    with pytest.raises(DatasetError, match=r"val\.txt: empty"):
        PascalVOC(root, "2012_val")


def test_pictures_of_many_sizes_make_a_batch(source):
    """Smaller ones end in mean grey that does not count."""
    cfg = config(source)
    cfg.SCALES, cfg.TRAIN.FLIP, cfg.TRAIN.SHUFFLE = [[64, 96]], False, False
    ds = load_dataset(cfg, "2012_train")
    data, label = (next(iter(Batches(ds, cfg, batch=3).epoch(0)))[name] for name in ("data", "label"))
    assert data.shape == (3, 3, 85, 96) and label.shape == (3, 85, 96)
    for number, (height, width) in enumerate([(64, 96), (85, 64), (64, 80)]):
        image, truth = ds.pair(ds.records[number])
        image, truth = images.resize_image(image, (height, width)), images.resize_label(truth, (height, width))
        np.testing.assert_array_equal(data[number, :, :height, :width], images.to_tensor(image, cfg))
        np.testing.assert_array_equal(label[number, :height, :width], truth)
        for outside in (np.s_[..., height:, :], np.s_[..., :, width:]):
            assert (data[number][outside] == 0).all() and (label[number][outside] == 255).all()


def test_evaluation_brings_the_truth_to_the_prediction(source, tmp_path):
    ds = PascalVOC(source, "2012_val")
    random, total = np.random.default_rng(0), np.zeros((21, 21), np.int64)
    evaluator = Evaluator(ds, tmp_path / "results")
    for record in evaluator.pending():
        truth = images.resize_label(ds.truth(record), (48, 60))
        guess = np.where(
            (random.random(truth.shape) < 0.7) & (truth != 255), truth, random.integers(0, 21, truth.shape)
        )
        evaluator.add(record, guess)
        total += confusion_matrix(truth, guess, 21, 255)
    path = tmp_path / "results/VOC2012/Segmentation/2012_000006.png"
    with Image.open(path) as image:
        assert image.mode == "P" and image.size == (60, 48) and image.getpalette()[3:6] == [128, 0, 0]
    report = evaluator.report()
    np.testing.assert_array_equal(report["confusion"], total)
    np.testing.assert_array_equal(report["IU_array"], iou_per_class(total))
    assert report["meanIU"] == pytest.approx(iou_per_class(total).sum() / 21)  # absent classes count 0


@pytest.mark.parametrize(("name", "symbol"), [("base", "resnet_v1_101_deeplab"), ("dcn", "resnet_v1_101_deeplab_dcn")])
def test_configurations_are_the_originals(name, symbol):
    cfg = load(CFGS / f"deeplab_resnet_v1_101_voc12_segmentation_{name}.yaml")
    original = load(ROOT / f"tests/deeplab/configs/voc_{name}.yaml")
    for section in ("SCALES", "dataset", "TEST", "net", "output_path", "symbol"):
        assert getattr(cfg, section) == getattr(original, section), section
    assert cfg.symbol == symbol and cfg.network.PIXEL_MEANS == original.network.PIXEL_MEANS
    for key in ("lr", "lr_step", "end_epoch", "warmup", "FLIP", "ENABLE_CROP", "BATCH_IMAGES", "wd", "momentum",
                "model_prefix"):  # fmt: skip
        assert getattr(cfg.TRAIN, key) == getattr(original.TRAIN, key), key


def test_a_small_network_trains_and_is_evaluated(source, tmp_path):
    small = {
        "BASE": str(CFGS / "deeplab_resnet_v1_101_voc12_segmentation_dcn.yaml"),
        "gpus": "",
        "SCALES": [64, 96],
        "network": {"pretrained": "", "FIXED_PARAMS": []},
        "net": {
            "depth": 10,
            "width": 8,
            "output_stride": 8,
            "head_channels": 16,
            "head_init": "msra",
            "train_bn": True,
        },
        "dataset": {"dataset_path": str(source)},
        "run": {"name": "small", "threads": 1},
        "TRAIN": {"end_epoch": 3, "lr": 0.05, "lr_step": "", "BATCH_IMAGES": 2},
        "TEST": {"test_epoch": 0},
    }
    (tmp_path / "small.yaml").write_text(json.dumps(small))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([os.environ.get("PYTHONPATH", ""), str(ROOT)])}
    said = ""
    picture = str(source / "VOC2012/JPEGImages/2012_000006.jpg")
    for module, *arguments in [
        ("lib.commands.train", "small.yaml"),
        ("lib.commands.test", "small.yaml"),
        ("lib.commands.predict", "small.yaml", picture, "--out", "."),
    ]:
        command = [sys.executable, "-m", module, *arguments]
        done = subprocess.run(command, cwd=tmp_path, env=environment, text=True, capture_output=True)
        assert done.returncode == 0, done.stderr
        said += done.stdout + done.stderr
    losses = [
        json.loads(line)["loss"]
        for line in (tmp_path / "output/voc12/small/2012_train_seg/metrics.jsonl").read_text().splitlines()
        if json.loads(line)["event"] == "epoch"
    ]
    assert len(losses) == 3 and losses[-1] < 0.8 * losses[0]
    results = json.loads((tmp_path / "output/voc12/small/2012_val_seg/results.json").read_text())
    assert list(results["IU"]) == list(voc_labels.CLASS_NAMES) and results["images"] == 3
    assert results["IU"]["background"] > 0.3 and 0 < results["meanIU"] < results["meanIU_present"]
    results_folder = tmp_path / "output/voc12/small/2012_val_seg/results/VOC2012/Segmentation"
    assert len(list(results_folder.glob("*.png"))) == 3
    assert (tmp_path / "2012_000006_overlay.png").is_file()
