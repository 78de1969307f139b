# SPDX-License-Identifier: Apache-2.0
"""Image sets joined by '+', and result pictures as the Cityscapes server takes them."""

from __future__ import annotations

import logging
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from deeplab.data import load_dataset
from deeplab.schema import Config
from deeplab.submission import hidden_test_set, submit
from lib.config import ConfigError
from lib.data import labels
from lib.data.cityscapes import Cityscapes
from lib.data.images import DatasetError

NAMES = ("berlin_000000_000019", "berlin_000001_000019", "bonn_000000_000019")
SIZE = (24, 36)


@pytest.fixture
def root(tmp_path):
    """Pictures of the test set, which have no labels, and of val, which have; the grey of each says which it is."""
    for number, (split, name) in enumerate([*(("test", name) for name in NAMES), ("val", "ulm_000000_000019")]):
        place = tmp_path / "leftImg8bit" / split / name.split("_")[0] / f"{name}_leftImg8bit.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((*SIZE, 3), number, np.uint8)).save(place)
    truth = tmp_path / "gtFine/val/ulm/ulm_000000_000019_gtFine_labelIds.png"
    truth.parent.mkdir(parents=True)
    Image.fromarray(np.full(SIZE, 7, np.uint8)).save(truth)
    return tmp_path


def config(root: Path, **dataset):
    cfg = Config()
    cfg.dataset.dataset, cfg.dataset.dataset_path, cfg.dataset.NUM_CLASSES = "CityScape", str(root), 19
    cfg.dataset.test_image_set = hidden_test_set(cfg)
    for key, value in dataset.items():
        setattr(cfg.dataset, key, value)
    return cfg


def predicted(image: np.ndarray) -> np.ndarray:
    """Train ids: every class once, shifted by the picture's grey."""
    return (
        ((np.arange(image.shape[0] * image.shape[1]) + image[0, 0, 0]) % 19).reshape(image.shape[:2]).astype(np.uint8)
    )


PREDICTOR = SimpleNamespace(picture=predicted)
LOG = logging.getLogger("test")


def test_submission_holds_label_ids_by_the_servers_names(root, tmp_path):
    place = submit(config(root), PREDICTOR, tmp_path / "out/submission", LOG)
    assert {path.name for path in place.iterdir()} == {f"{name}_pred_labelIds.png" for name in NAMES}
    label_of = {label.trainId: label.id for label in _server_labels() if label.trainId not in (255, -1)}
    assert len(label_of) == 19
    for number, name in enumerate(NAMES):
        with Image.open(place / f"{name}_pred_labelIds.png") as image:
            assert image.mode == "L" and image.size == SIZE[::-1]
            wanted = np.vectorize(label_of.get)(predicted(np.full((*SIZE, 3), number, np.uint8)))
            assert np.array_equal(np.array(image), wanted)


def _server_labels():
    return pytest.importorskip("cityscapesscripts.helpers.labels", reason="needs cityscapesScripts").labels


def test_pictures_of_an_earlier_submission_go_and_other_files_stay(root, tmp_path):
    place = tmp_path / "submission"
    place.mkdir()
    for name in ("ulm_000000_000019_pred_labelIds.png", "notes.txt"):
        (place / name).write_text("earlier")
    submit(config(root), PREDICTOR, place, LOG)
    assert {path.name for path in place.iterdir()} == {*(f"{name}_pred_labelIds.png" for name in NAMES), "notes.txt"}


def test_what_the_server_does_not_know_is_refused_before_anything_is_written(root, tmp_path):
    path = root / "leftImg8bit/test/bonn/holiday_leftImg8bit.png"
    Image.fromarray(np.zeros((*SIZE, 3), np.uint8)).save(path)
    with pytest.raises(ConfigError, match=r"holiday_leftImg8bit\.png: the server knows pictures as <city>_<seq"):
        submit(config(root), PREDICTOR, tmp_path / "submission", LOG)
    assert not (tmp_path / "submission").exists()
    voc = Config()
    voc.dataset.dataset = "PascalVOC"
    with pytest.raises(ConfigError, match="--submission: the Cityscapes server takes no PascalVOC"):
        submit(voc, PREDICTOR, tmp_path / "submission", LOG)


def test_joined_sets_are_one_after_the_other(root):
    joined = load_dataset(config(root), "leftImg8bit_val+leftImg8bit_test", labels=False)
    assert [record.name.removesuffix("_leftImg8bit") for record in joined.records] == ["ulm_000000_000019", *NAMES]
    assert [joined.image(record)[0, 0, 0] for record in joined.records] == [3, 0, 1, 2]
    assert np.array_equal(joined.truth(joined.records[0]), np.full(SIZE, 0, np.uint8)), "label id 7 is class 0, road"
    with pytest.raises(DatasetError, match="no such label file"):
        load_dataset(config(root), "leftImg8bit_val+leftImg8bit_test")
    assert labels.LABEL_IDS[0] == 7


@pytest.mark.parametrize("wrong", ["leftImg8bit_val+", "+leftImg8bit_val", "leftImg8bit_val+leftImg8bit_val", ""])
def test_empty_or_repeated_sets_are_refused(root, wrong):
    with pytest.raises(DatasetError, match="expected different image sets, joined by '\\+'"):
        Cityscapes(root, wrong)


def test_voc_lists_are_joined_and_share_no_picture(tmp_path):
    from voc_standin import write_kit

    root = tmp_path / "VOCdevkit2012"
    write_kit(root, train=2, val=1)
    cfg = config(root, dataset="PascalVOC", NUM_CLASSES=21)
    apart = [load_dataset(cfg, each).records for each in ("2012_train_seg", "2012_val_seg")]
    assert load_dataset(cfg, "2012_train_seg+2012_val_seg").records == [*apart[0], *apart[1]]
    lists = root / "VOC2012/ImageSets/Segmentation"
    (lists / "val.txt").write_text((lists / "train.txt").read_text())
    with pytest.raises(DatasetError, match="stands in another one, too"):
        load_dataset(cfg, "2012_train_seg+2012_val_seg")
