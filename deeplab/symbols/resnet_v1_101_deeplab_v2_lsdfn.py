# SPDX-License-Identifier: Apache-2.0
"""DeepLabV2 whose classifiers see, beside res5, what dynamic filters make of its unit before the last (Wu et al. 2018,
arXiv 1803.07624). Every scale has its own filters; what follows them is shared."""

from __future__ import annotations

from deeplab.symbols.head import IGNORE_LABEL
from lib.nets.aspp import aspp
from lib.nets.dynamic_filter import beside
from lib.nets.multi_scale import segmentation
from lib.nets.res5 import convolution
from lib.nets.resnet_v1 import before_last

res5_branch2b = convolution


def network(data, features, cfg, is_train):
    def scores(pixels, begins):
        top = features(pixels)
        seen = beside(top, before_last(top, cfg.net, begins), "lsdfn", cfg.net.lsdfn)
        return aspp(seen, cfg.dataset.NUM_CLASSES, cfg.net.aspp_rates)

    return segmentation(data, cfg.net, scores, is_train, IGNORE_LABEL, own="lsdfn_")
