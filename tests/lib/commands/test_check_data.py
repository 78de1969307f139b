# SPDX-License-Identifier: Apache-2.0
"""The check of a data set: every kind of fault is found, named with its file, and comes with advice."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lib.commands.check_data import main
from lib.data import labels
from lib.data.cityscapes import Cityscapes
from lib.data.preflight import check
from lib.data.preflight.findings import FAULTS

ALL_IDS = np.arange(34, dtype=np.uint8).repeat(30).reshape(30, 34)


def put(root, split, name, image=None, label=ALL_IDS, kind="labelIds"):
    """One picture of the city elmstead with labels; gives both paths."""
    picture = root / "leftImg8bit" / split / "elmstead" / f"elmstead_{name}_leftImg8bit.png"
    truth = root / "gtFine" / split / "elmstead" / f"elmstead_{name}_gtFine_{kind}.png"
    for path, array in ((picture, np.zeros((30, 34, 3), np.uint8) if image is None else image), (truth, label)):
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(array).save(path)
    return picture, truth


@pytest.fixture
def root(tmp_path):
    """Three good training pictures and one to evaluate on."""
    for split, name in (("train", "0"), ("train", "1"), ("train", "2"), ("val", "0")):
        put(tmp_path / "city", split, name)
    return tmp_path / "city"


def faults(root, **options):
    return {(finding.fault, Path(finding.where).name, finding.detail) for finding in check(root, **options).findings}


def test_a_good_data_set(root, capsys):
    assert main([str(root)]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[1:5] == ["  train: 3 pictures, 3 with labels; 34 x 30", "    elmstead      3",
                         "  val: 1 pictures, 1 with labels; 34 x 30", "    elmstead      1"]  # fmt: skip
    assert said[-1] == "this data set can be used: 0 errors, 0 warnings" and len(said) == 6


def broken(root):
    """Puts one picture with each fault into `root`; gives (fault, file, part of the detail) of each."""
    cut, _ = put(root, "train", "cut")
    cut.write_bytes(cut.read_bytes()[:60])
    _, no_png = put(root, "train", "text")
    no_png.write_text("no picture")
    grey, _ = put(root, "train", "grey", image=np.zeros((30, 34), np.uint8))
    _, coloured = put(root, "train", "coloured", label=np.zeros((30, 34, 3), np.uint8))
    _, small = put(root, "train", "small", label=ALL_IDS[::2])
    _, high = put(root, "train", "high", label=np.where(ALL_IDS == 33, 77, ALL_IDS).astype(np.uint8))
    _, swapped = put(root, "train", "swapped", label=labels.TRAIN_ID_OF_LABEL_ID[ALL_IDS])
    _, misnamed = put(root, "train", "misnamed", kind="labelTrainIds")
    _, empty = put(root, "train", "empty", label=np.zeros((30, 34), np.uint8))
    alone, gone = put(root, "train", "alone")
    gone.unlink()
    gone, orphan = put(root, "train", "orphan")
    gone.unlink()
    flip = grey.with_name("elmstead_0_leftImg8bit_flip.png")
    shutil.copy(grey, flip)
    return [
        ("broken picture", cut, "broken picture: "),
        ("broken labels", no_png, "not a picture that Pillow can read"),
        ("picture is not 8-bit RGB", grey, "mode L"),
        ("broken labels", coloured, "mode L or P), got mode RGB"),
        ("labels of another size than the picture", small, "labels 34 x 15, picture 34 x 30"),
        ("ids that do not exist", high, "ids 77"),
        ("train ids in a labelIds file", swapped, "ids 255"),
        ("label ids in a labelTrainIds file", misnamed, "ids 19, 20, 21"),
        ("nothing to learn from", empty, ""),
        ("picture without labels", alone, ""),
        ("labels without picture", orphan, ""),
        ("other files", flip, ""),
    ]


def test_every_fault_is_found_and_nothing_else(root, capsys):
    expected = broken(root)
    found = check(root, workers=2).findings
    for fault, path, detail in expected:
        assert [f for f in found if f.fault == fault and f.where == str(path) and detail in f.detail], (fault, found)
        assert FAULTS[fault][1]
    assert len(found) == len(expected)
    assert main([str(root)]) == 1
    said = capsys.readouterr().out
    assert f"error: picture without labels (1)\n    {expected[9][1].relative_to(root)}\n  what to do: unpack" in said
    assert said.endswith("this data set cannot be used as it is: 9 errors, 3 warnings\n")
    with pytest.raises(ValueError):  # and the reader itself refuses what the check calls an error
        Cityscapes(root, "leftImg8bit_train")


@pytest.mark.parametrize(
    ("lay_out", "advice"),
    [
        (lambda root: shutil.rmtree(root / "gtFine"), "download gtFine_trainvaltest.zip (241 MB) from"),
        (lambda root: shutil.rmtree(root / "leftImg8bit"), "makes a stand-in"),
        (lambda root: (root / "gtFine").rename(root / "gtFine_trainvaltest.zip"), "unpack it: unzip -d "),
    ],
)
def test_missing_folders_come_with_what_to_do(root, capsys, lay_out, advice):
    lay_out(root)
    assert main([str(root)]) == 1
    said = capsys.readouterr().out
    assert advice in said and "picture without labels" not in said


def test_the_right_folder_is_named_when_a_neighbour_was_given(root, capsys):
    assert main([str(root / "leftImg8bit")]) == 1
    assert f"give the folder above: {root}" in capsys.readouterr().out
    assert main([str(root.parent)]) == 1
    assert f"give this folder: {root}" in capsys.readouterr().out
    assert main([str(root / "nowhere")]) == 1
    assert "error: no such folder (1)" in capsys.readouterr().out


def test_test_pictures_without_labels_or_with_empty_ones_are_no_error(root):
    picture, label = put(root, "test", "0", label=np.full((30, 34), 3, np.uint8))
    assert faults(root) == {("labels without a class", "test", "1 label files")}
    label.unlink()
    assert faults(root) == {("no labels, as in a test set", "test", "1 pictures")}


def test_train_ids_alone_serve(root):
    for path in list((root / "gtFine" / "val" / "elmstead").iterdir()):
        path.unlink()
    put(root, "val", "0", label=labels.TRAIN_ID_OF_LABEL_ID[ALL_IDS], kind="labelTrainIds")
    assert faults(root) == {("only train ids", "val", "1 *_labelTrainIds.png")}


def test_classes_and_pictures_that_lack_are_told(root):
    for folder in ("leftImg8bit", "gtFine"):
        (root / folder / "train" / "elmstead").rename(root / folder / "train" / "aachen")
    for name in ("0", "1", "2"):
        label = np.where(ALL_IDS == 7, 8, ALL_IDS).astype(np.uint8)
        Image.fromarray(label).save(root / "gtFine" / "train" / "aachen" / f"elmstead_{name}_gtFine_labelIds.png")
    assert faults(root, splits=["train"]) == {
        ("classes that never occur", "train", "road"),
        ("not the published number of pictures", "train", "3 pictures, Cityscapes has 2975"),
    }


def test_a_configuration_is_checked_for_what_it_uses(root, tmp_path, capsys):
    put(root, "train", "wide", image=np.zeros((30, 68, 3), np.uint8), label=np.tile(ALL_IDS, 2))
    put(root, "unused", "0", label=ALL_IDS[::2])
    (root / "gtFine" / "val" / "elmstead" / "elmstead_0_gtFine_labelIds.png").unlink()
    config = tmp_path / "my.yaml"
    data = {"dataset_path": str(root)}
    config.write_text(json.dumps({"symbol": "resnet_v1_101_deeplab", "dataset": data, "SCALES": [30, 100],
                                  "TRAIN": {"BATCH_IMAGES": 2}}))  # fmt: skip
    assert main([str(config)]) == 1
    said = capsys.readouterr().out
    assert "    train: 3 of 34 x 30, 1 of 68 x 30; batches of 2\n  what to do: crop" in said
    assert "error: picture without labels (1)" in said and "unused" not in said
    assert main([str(config), "TRAIN.ENABLE_CROP=true", "TRAIN.CROP_HEIGHT=30", "TRAIN.CROP_WIDTH=40"]) == 1
    assert "train: 3 pictures are 34 x 30 under SCALES, the crop is 40 x 30" in capsys.readouterr().out
    assert main([str(config), "dataset.image_set=train"]) == 1
    assert "expected '<folder>_<split>'" in capsys.readouterr().err
    assert main([str(config), "dataset.dataset=KITTI"]) == 1
    assert "there is no reader for 'KITTI'" in capsys.readouterr().err


def test_settings_without_a_configuration_are_refused(root, capsys):
    with pytest.raises(SystemExit) as end:
        main([str(root), "SCALES=[1,2]"])
    assert end.value.code == 2 and "settings need a configuration" in capsys.readouterr().err
