# SPDX-License-Identifier: Apache-2.0
"""Trainings from the first picture to the checkpoint."""

from __future__ import annotations

import logging

import numpy as np
import pytest
from small_detection import TRAININGS, losses, train_small

NAMES = ["RPNAcc", "RPNLogLoss", "RPNL1Loss", "RCNNAcc", "RCNNLogLoss", "RCNNL1Loss"]


@pytest.mark.parametrize("kind", ["rfcn", "rcnn"])
def test_a_resumed_run_is_the_unbroken_one(tmp_path, kind):
    name, overrides = TRAININGS[kind]
    whole = losses(train_small(name, tmp_path / "a", *overrides))
    assert len(whole) == 6 and np.isfinite(whole).all()
    train_small(name, tmp_path / "b", *overrides, "TRAIN.end_epoch=1")
    assert losses(train_small(name, tmp_path / "b", *overrides, begin=1)) == whole


def test_the_log_has_the_originals_measures_and_the_loss_is_their_sum(tmp_path, caplog):
    with caplog.at_level(logging.INFO):
        lines = train_small("rfcn", tmp_path, "TRAIN.end_epoch=1")
    told = [record.message for record in caplog.records if record.message.startswith("Epoch[0] Batch [1]")]
    assert len(told) == 1 and [part.split("=")[0] for part in told[0].split("\t")[2:-1]] == [
        f"Train-{each}" for each in NAMES
    ]
    for line in (line for line in lines if line["event"] in ("update", "epoch")):
        assert line["loss"] == pytest.approx(sum(line[each] for each in NAMES if each.endswith("Loss")))
        assert 0 <= line["RPNAcc"] <= 1 and 0 <= line["RCNNAcc"] <= 1
