# SPDX-License-Identifier: Apache-2.0
"""Class probabilities made to follow the edges of a picture: the fully connected CRF of Krähenbühl and Koltun (2011,
arXiv 1210.5644), which DeepLab puts behind its network. The library pydensecrf2 computes it."""

from __future__ import annotations

import numpy as np

from lib.config.crf import Crf
from operators.extras import need


def check(crf: Crf) -> None:
    """Raises MissingExtra where a CRF is asked for and pydensecrf2 is missing."""
    if crf.iterations:
        need("crf", "pydensecrf")


def refine(probability: np.ndarray, image: np.ndarray, crf: Crf) -> np.ndarray:
    """Probabilities after crf.iterations of mean field, float32 (C, h, w).

    probability: (C, h, w), sums of 1. image: uint8 (h, w, 3) RGB.
    Raises MissingExtra as `check` does; ValueError for sizes that differ.
    """
    check(crf)
    from pydensecrf.densecrf import DenseCRF2D

    classes, height, width = probability.shape
    if image.shape != (height, width, 3) or image.dtype != np.uint8:
        raise ValueError(
            f"image: expected uint8 {(height, width, 3)} as the probabilities, got {image.dtype} {image.shape}"
        )
    field = DenseCRF2D(width, height, classes)
    energy = -np.log(np.maximum(probability.reshape(classes, -1), 1e-10))
    field.setUnaryEnergy(np.ascontiguousarray(energy, np.float32))
    field.addPairwiseGaussian(sxy=crf.smooth_std, compat=crf.smooth_weight)
    field.addPairwiseBilateral(
        sxy=crf.position_std, srgb=crf.colour_std, rgbim=np.ascontiguousarray(image), compat=crf.colour_weight
    )
    return np.array(field.inference(crf.iterations), np.float32).reshape(classes, height, width)
