# SPDX-License-Identifier: Apache-2.0
"""DeepLabV2: classifiers at four dilations on pictures at several scales (Chen et al. 2016, arXiv 1606.00915)."""

from __future__ import annotations

from deeplab.symbols.head import IGNORE_LABEL
from lib.nets.aspp import aspp
from lib.nets.multi_scale import segmentation
from lib.nets.res5 import convolution

res5_branch2b = convolution


def network(data, features, cfg, is_train):
    def scores(pixels, begins):
        return aspp(features(pixels), cfg.dataset.NUM_CLASSES, cfg.net.aspp_rates)

    return segmentation(data, cfg.net, scores, is_train, IGNORE_LABEL)
