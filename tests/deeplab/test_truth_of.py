# SPDX-License-Identifier: Apache-2.0
"""The truth of a picture that a person names is found by the folders it lies in, or not at all."""

from __future__ import annotations

import numpy as np
from PIL import Image

from deeplab.data import truth_of
from deeplab.schema import Config


def picture(path, values, mode="L"):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(values, np.uint8)).convert(mode).save(path)
    return path


def test_truth_of_a_picture_in_the_folders_of_cityscapes(tmp_path):
    image = picture(tmp_path / "leftImg8bit/val/ulm/ulm_0_1_leftImg8bit.png", [[0, 0]], "RGB")
    assert truth_of(Config(), image) is None
    picture(tmp_path / "gtFine/val/ulm/ulm_0_1_gtFine_labelIds.png", [[7, 0]])  # road, unlabeled
    assert truth_of(Config(), image).tolist() == [[0, 255]]
    assert truth_of(Config(), picture(tmp_path / "elsewhere.png", [[0]], "RGB")) is None


def test_truth_of_a_picture_in_the_folders_of_voc(tmp_path):
    cfg = Config()
    cfg.dataset.dataset = "PascalVOC"
    image = picture(tmp_path / "VOC2012/JPEGImages/a.jpg", [[0, 0]], "RGB")
    assert truth_of(cfg, image) is None
    picture(tmp_path / "VOC2012/SegmentationClassAug/a.png", [[3, 255]])
    assert truth_of(cfg, image).tolist() == [[3, 255]]
    picture(tmp_path / "VOC2012/SegmentationClass/a.png", [[20, 255]])
    assert truth_of(cfg, image).tolist() == [[20, 255]]
