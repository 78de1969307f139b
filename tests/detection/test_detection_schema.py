# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pytest

from detection.schema import load
from lib.config import ConfigError
from lib.system import ROOT, find_config, system_of

ORIGINAL = Path(__file__).parent / "configs" / "voc_rfcn_dcn.yaml"
OURS = sorted(
    path for kind in ("rpn", "rfcn", "faster_rcnn") for path in (ROOT / "experiments" / kind / "cfgs").glob("*.yaml")
)


def test_the_originals_file_loads_and_ours_of_that_name_means_the_same():
    original = asdict(load(ORIGINAL))
    ours = asdict(load(ROOT / "experiments" / "rfcn" / "cfgs" / "resnet_v1_101_voc0712_rfcn_dcn_end2end_ohem.yaml"))
    for content in (original, ours):
        content["network"].pop("FIXED_PARAMS_SHARED")  # of alternate training
        content["run"].pop("name")
    assert ours == original


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.stem)
def test_every_configuration_loads_as_detection(path):
    assert system_of(path).name == "detection" and find_config(f"{path.parents[1].name}/{path.stem}") == path
    cfg = load(path)
    if path.stem.startswith("quick_"):
        assert cfg.gpus == "" and cfg.dataset.dataset_path == "./data/streets_boxes"


def test_both_heads_learn_from_the_same_boxes_in_the_quick_configurations():
    rfcn, rcnn = (load(find_config(f"quick_{name}")) for name in ("rfcn", "rcnn"))
    assert rcnn.TRAIN == rfcn.TRAIN and rcnn.TRAIN.ENABLE_OHEM  # docs/detection.md says what else comes of it
    original = load(find_config("resnet_v1_101_voc0712_rcnn_end2end")).TRAIN
    assert not original.ENABLE_OHEM and original.BATCH_ROIS == 128


@pytest.mark.parametrize(
    "override, told",
    [
        ("network.NUM_ANCHORS=12", "ANCHOR_SCALES x ANCHOR_RATIOS make 9, got 12"),
        ("network.ANCHOR_SCALES=[0,8,16]", "expected numbers above 0"),
        (
            "network.RPN_FEAT_STRIDE=8",
            "RPN_FEAT_STRIDE: the map of this network has a cell every 16 pixels, got 8",
        ),
        ("network.RCNN_FEAT_STRIDE=32", "network.RCNN_FEAT_STRIDE: the map of this network has a cell every 16 pixels"),
        ("TRAIN.BATCH_ROIS=0", "expected a number of proposals, or -1 for all, got 0"),
        ("TRAIN.BBOX_STDS=[0.1,0.1,0.2]", "TRAIN.BBOX_STDS: expected 4 numbers"),
        ("TRAIN.BBOX_STDS=[0.1,0.1,0,0.2]", "TRAIN.BBOX_STDS: expected numbers above 0"),
        ("TRAIN.FG_THRESH=1.5", "TRAIN.FG_THRESH: expected 0 to 1, got 1.5"),
        ("TRAIN.END2END=false", "alternate training is not served"),
        (
            "dataset.class_names=[dog,Dog]",
            "dataset.class_names: expected different names, in any case, got ['dog', 'Dog']",
        ),
        ("dataset.class_names=[dog,'']", "dataset.class_names: expected different names"),
        ("TEST.max_per_image=0", "TEST.max_per_image: expected at least 1"),
        ("network.PIXEL_MEANS=[1]", "expected 3 numbers"),
    ],
)
def test_what_does_not_fit_is_told_before_anything_is_read(override, told):
    with pytest.raises(ConfigError, match=told.replace("[", r"\[")):
        load(ORIGINAL, [override])
