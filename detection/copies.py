# SPDX-License-Identifier: Apache-2.0
"""What the original's checkpoints hold a second time: the layer that gives boxes, giving them as they are."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from detection.schema import box_sets

LAYERS = ("rfcn_bbox", "bbox_pred")
ENDINGS = ("_weight_test", "_bias_test")


def copies(cfg, arg: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """`<layer>_weight_test` and `<layer>_bias_test` of the layer of LAYERS that is among the parameters `arg`.

    They give deltas times TRAIN.BBOX_STDS plus TRAIN.BBOX_MEANS. A class-aware RPN has no such layer: {}.
    """
    made = {}
    for name in LAYERS:
        if f"{name}_weight" not in arg:
            continue
        weight, bias = arg[f"{name}_weight"], arg[f"{name}_bias"]
        sets = box_sets(cfg)
        parts = len(bias) // (4 * sets)  # R-FCN: maps of each delta, one for every part of a box
        stds, means = (np.repeat(np.tile(np.asarray(values, weight.dtype), sets), parts)
                       for values in (cfg.TRAIN.BBOX_STDS, cfg.TRAIN.BBOX_MEANS))  # fmt: skip
        made[f"{name}_weight_test"] = weight * stds.reshape(-1, *[1] * (weight.ndim - 1))
        made[f"{name}_bias_test"] = bias * stds + means
    return made
