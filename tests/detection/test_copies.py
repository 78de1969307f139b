# SPDX-License-Identifier: Apache-2.0
"""What checkpoints hold beside the parameters, for programs that read the original's files."""

from __future__ import annotations

import numpy as np
import pytest
from small_detection import small

from detection.copies import copies
from detection.schema import box_sets


@pytest.mark.parametrize(("name", "layer", "parts"), [("rfcn_dcn", "rfcn_bbox", 9), ("rcnn", "bbox_pred", 1)])
def test_the_copy_of_the_box_layer_gives_deltas_as_they_are(name, layer, parts):
    cfg, random = small(name), np.random.default_rng(3)
    cfg.TRAIN.BBOX_MEANS, cfg.TRAIN.BBOX_STDS = [0.1, 0.2, 0.3, 0.4], [0.1, 0.2, 0.3, 0.5]
    rows = 4 * box_sets(cfg) * parts
    weight, bias = random.normal(size=(rows, 8)), random.normal(size=rows)
    made = copies(cfg, {f"{layer}_weight": weight, f"{layer}_bias": bias, "rpn_bbox_pred_weight": weight})
    assert list(made) == [f"{layer}_weight_test", f"{layer}_bias_test"]
    seen = random.normal(size=8)
    given, plain = weight @ seen + bias, made[f"{layer}_weight_test"] @ seen + made[f"{layer}_bias_test"]
    wanted = given.reshape(-1, 4, parts) * np.reshape(cfg.TRAIN.BBOX_STDS, (4, 1)) + np.reshape(
        cfg.TRAIN.BBOX_MEANS, (4, 1)
    )
    np.testing.assert_allclose(plain, wanted.ravel())


def test_a_network_that_judges_no_proposals_has_no_copies():
    assert copies(small("rpn"), {"rpn_bbox_pred_weight": np.ones((4, 8)), "rpn_bbox_pred_bias": np.ones(4)}) == {}
