# SPDX-License-Identifier: Apache-2.0
"""Success and precision against the GOT-10k toolkit's, where it is installed."""

from __future__ import annotations

import numpy as np
import pytest

from lib.metrics import success
from lib.metrics.regions import centre_errors, overlaps

otb = pytest.importorskip("got10k.experiments.otb", reason="got10k is not installed")
metrics = pytest.importorskip("got10k.utils.metrics", reason="got10k is not installed")


def test_curves_are_the_toolkits():
    random = np.random.default_rng(0)
    truth, found = (np.concatenate([random.uniform(0, 60, (300, 2)), random.uniform(5, 60, (300, 2))], 1) for _ in "ab")
    found[:100] = truth[:100] + random.normal(0, 2, (100, 4))
    np.testing.assert_allclose(overlaps(truth, found), metrics.rect_iou(truth, found), rtol=1e-9)
    experiment = otb.ExperimentOTB.__new__(otb.ExperimentOTB)  # its own constructor wants the data set
    experiment.nbins_iou, experiment.nbins_ce = 21, 51
    errors = centre_errors(truth, found)
    expected = experiment._calc_curves(overlaps(truth, found), errors)
    np.testing.assert_allclose(success.success_curve(overlaps(truth, found)), expected[0])
    np.testing.assert_allclose(success.precision_curve(errors), expected[1])
