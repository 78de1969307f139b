# SPDX-License-Identifier: Apache-2.0
"""The Cityscapes reader: which files it lists, what it makes of them, and what it says of broken ones."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from deeplab.data import load_dataset
from lib.data import labels
from lib.data.cityscapes import Cityscapes
from lib.data.images import DatasetError


def write_pair(root, city="ulm", number=0, split="train", label=None, size=(6, 8), kind="labelIds"):
    """One random picture and its labels (default: label id 7, road) in Cityscapes' tree."""
    label = np.full(size, 7, np.uint8) if label is None else label
    stem = f"{city}_{number:06d}_000019"
    image_file = root / "leftImg8bit" / split / city / f"{stem}_leftImg8bit.png"
    label_file = root / "gtFine" / split / city / f"{stem}_gtFine_{kind}.png"
    pixels = np.random.default_rng(number).integers(0, 256, (*size, 3), np.uint8)
    for path, array in ((image_file, pixels), (label_file, label)):
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(array).save(path)
    return image_file, label_file


def config(root, **changes):
    section = {
        "dataset": "CityScape",
        "dataset_path": str(root),
        "annotation_prefix": "gtFine",
        "NUM_CLASSES": 19,
        "streets": SimpleNamespace(train=0),
    }
    return SimpleNamespace(dataset=SimpleNamespace(**{**section, **changes}))


def test_label_table_is_that_of_cityscapes():
    assert labels.CLASS_NAMES[0] == "road" and labels.CLASS_NAMES[18] == "bicycle" and len(labels.CLASS_NAMES) == 19
    assert len(labels.ID_OF_NAME) == 34
    assert [labels.TRAIN_ID_OF_LABEL_ID[i] for i in (0, 7, 11, 33, 34, 255)] == [255, 0, 2, 18, 255, 255]
    assert tuple(labels.PALETTE[13]) == (0, 0, 142)
    for train_id, label_id in enumerate(labels.LABEL_IDS):
        assert labels.TRAIN_ID_OF_LABEL_ID[label_id] == train_id


def test_records_are_sorted_by_city_and_name_and_keep_to_their_split(tmp_path):
    write_pair(tmp_path, "zurich", 1)
    write_pair(tmp_path, "aachen", 2)
    write_pair(tmp_path, "aachen", 1)
    write_pair(tmp_path, "bochum", 1, split="val")
    flipped = tmp_path / "leftImg8bit/train/aachen/aachen_000001_000019_leftImg8bit_flip.png"
    flipped.write_bytes(b"written by the original; not a picture of its own")
    ds = load_dataset(config(tmp_path), "leftImg8bit_train")
    assert [record.name for record in ds.records] == [
        "aachen_000001_000019_leftImg8bit", "aachen_000002_000019_leftImg8bit", "zurich_000001_000019_leftImg8bit",
    ]  # fmt: skip
    assert [record.city for record in ds.records] == ["aachen", "aachen", "zurich"]
    assert ds.num_classes == 19 and ds.class_names[10] == "sky" and ds.palette.shape == (256, 3)


def test_label_ids_become_train_ids(tmp_path):
    write_pair(tmp_path, label=np.arange(34, dtype=np.uint8).reshape(2, 17), size=(2, 17))
    ds = Cityscapes(tmp_path, "leftImg8bit_train")
    image, truth = ds.pair(ds.records[0])
    assert image.shape == (2, 17, 3) and image.dtype == np.uint8
    assert truth.ravel()[[0, 6, 7, 8, 11, 29, 31]].tolist() == [255, 255, 0, 1, 2, 255, 16]
    assert sorted(set(truth.ravel()) - {255}) == list(range(19))


def test_ready_train_ids_serve_where_there_are_no_label_ids(tmp_path):
    stored = np.array([[0, 18, 255]], np.uint8)
    write_pair(tmp_path, label=stored, size=(1, 3), kind="labelTrainIds")
    ds = Cityscapes(tmp_path, "leftImg8bit_train")
    assert ds.truth(ds.records[0]).tolist() == stored.tolist()
    write_pair(tmp_path, label=np.array([[7, 7, 7]], np.uint8), size=(1, 3))
    ds = Cityscapes(tmp_path, "leftImg8bit_train")
    assert ds.truth(ds.records[0]).tolist() == [[0, 0, 0]]


def test_missing_folder_is_named(tmp_path):
    with pytest.raises(DatasetError, match=r"dataset_path: .*leftImg8bit/train is not a folder"):
        load_dataset(config(tmp_path), "leftImg8bit_train")


def test_empty_folder_is_named(tmp_path):
    (tmp_path / "leftImg8bit/train").mkdir(parents=True)
    with pytest.raises(DatasetError, match=r"leftImg8bit/train: no file"):
        load_dataset(config(tmp_path), "leftImg8bit_train")


def test_missing_label_is_named_and_counted(tmp_path):
    write_pair(tmp_path, number=1)
    _, label = write_pair(tmp_path, number=2)
    label.unlink()
    with pytest.raises(DatasetError, match=rf"{label.name}: no such label file.*\(1 of 2 "):
        load_dataset(config(tmp_path), "leftImg8bit_train")


@pytest.mark.parametrize("content", [b"", b"not a png at all", b"cut"])
@pytest.mark.parametrize("which", [0, 1])
def test_broken_file_is_named(tmp_path, which, content):
    path = write_pair(tmp_path, size=(40, 40))[which]
    path.write_bytes(path.read_bytes()[:60] if content == b"cut" else content)
    ds = Cityscapes(tmp_path, "leftImg8bit_train")
    with pytest.raises(DatasetError, match=path.name):
        ds.pair(ds.records[0])


def test_label_of_another_size_is_named_with_both_sizes(tmp_path):
    image, label = write_pair(tmp_path)
    Image.fromarray(np.full((6, 9), 7, np.uint8)).save(label)
    ds = Cityscapes(tmp_path, "leftImg8bit_train")
    with pytest.raises(DatasetError, match=rf"{label.name}: 9 x 6 pixels .*, but its picture .*{image.name} has 8 x 6"):
        ds.pair(ds.records[0])


def test_colour_picture_as_label_is_named(tmp_path):
    _, label = write_pair(tmp_path)
    Image.fromarray(np.zeros((6, 8, 3), np.uint8)).save(label)
    ds = Cityscapes(tmp_path, "leftImg8bit_train")
    with pytest.raises(DatasetError, match=rf"{label.name}: expected an 8-bit picture .* got mode RGB"):
        ds.pair(ds.records[0])


@pytest.mark.parametrize(
    ("kind", "value", "text"), [("labelIds", 77, "label id 77"), ("labelTrainIds", 19, "train id 19")]
)
def test_unknown_label_value_is_named_with_its_place(tmp_path, kind, value, text):
    stored = np.zeros((6, 8), np.uint8)
    stored[4, 5] = value
    _, label = write_pair(tmp_path, label=stored, kind=kind)
    ds = Cityscapes(tmp_path, "leftImg8bit_train")
    with pytest.raises(DatasetError, match=rf"{label.name}: {text} at row 4, column 5"):
        ds.pair(ds.records[0])


@pytest.mark.parametrize(
    ("changes", "image_set", "text"),
    [
        ({"dataset": "ADE20K"}, "leftImg8bit_train", "dataset.dataset: there is no reader for 'ADE20K'"),
        ({"NUM_CLASSES": 21}, "leftImg8bit_train", "dataset.NUM_CLASSES: CityScape has 19 classes, got 21"),
        ({}, "train", "image set 'train': expected"),
    ],
)
def test_wrong_setting_is_named(tmp_path, changes, image_set, text):
    write_pair(tmp_path)
    with pytest.raises(DatasetError, match=text):
        load_dataset(config(tmp_path, **changes), image_set)
