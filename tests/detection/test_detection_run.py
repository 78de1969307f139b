# SPDX-License-Identifier: Apache-2.0
"""A run from its training to its pictures."""

from __future__ import annotations

from PIL import Image
from small_detection import LOG, config_in, train_small

from detection.system import SYSTEM
from lib.predictors import predictor
from lib.run import folder


def test_a_run_is_tested_drawn_and_looked_at(tmp_path):
    train_small("rfcn", tmp_path, "TRAIN.end_epoch=1")
    cfg = config_in("rfcn", tmp_path, "TRAIN.end_epoch=1")
    for zero in (False, True):
        made, out = predictor(SYSTEM, cfg, zero_offsets=zero), folder.results_path(cfg, zero)
        numbers = SYSTEM.evaluate(cfg, made, out.with_suffix(""), False, LOG)
        assert 0 <= numbers["value"] <= 1 and numbers["images"] == 2
        folder.write_results(out, numbers, made, zero, {})
    assert Image.open(SYSTEM.summary(cfg)).width > 1000
    image = SYSTEM.dataset(cfg).image(SYSTEM.dataset(cfg).records[0])
    assert SYSTEM.draw(cfg, made, image).size == (96 * 7, 64 * 7)  # enlarged, so that texts can be read
    look = SYSTEM.looker(cfg, made).look(image, "one")
    assert [(layer.name, layer.kind) for layer in look.layers] == [
        ("res5a_branch2a", "deformable"), ("res5a_branch2b", "deformable")
    ]  # fmt: skip
    assert look.prediction.shape == look.image.shape[:2] == (64, 96)
