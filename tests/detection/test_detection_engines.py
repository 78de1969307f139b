# SPDX-License-Identifier: Apache-2.0
"""Trainings on both engines."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest
from small_detection import TRAININGS, losses, train_small


@pytest.mark.skipif(find_spec("torch") is None, reason="there is no torch")
@pytest.mark.parametrize("kind", TRAININGS)
def test_both_engines_agree_over_20_updates(tmp_path, kind):
    """In float64, and so with the same proposals and the same samples."""
    name, overrides = TRAININGS[kind]
    more = [*overrides, "run.precision=float64", "TRAIN.end_epoch=7", "TRAIN.lr_step='5'"]
    first, second = (losses(train_small(name, tmp_path / each, *more, f"engine={each}")) for each in ("mxnet", "torch"))
    assert len(first) >= 20 and np.abs(np.array(first) - second).max() < 1e-9
