# SPDX-License-Identifier: Apache-2.0
"""The control of resnet_v1_101_deeplab_v2_lsdfn: ordinary convolutions, as many parameters as its dynamic filters."""

from __future__ import annotations

from deeplab.symbols.head import IGNORE_LABEL
from lib.nets.aspp import aspp
from lib.nets.dynamic_filter import control_beside, relu
from lib.nets.multi_scale import segmentation
from lib.nets.res5 import convolution
from lib.nets.resnet_v1 import before_last, channels_of

res5_branch2b = convolution


def network(data, features, cfg, is_train):
    def scores(pixels, begins):
        top, net = features(pixels), cfg.net
        seen = control_beside(top, before_last(top, net, begins), channels_of(net), net.lsdfn, relu)
        return aspp(seen, cfg.dataset.NUM_CLASSES, net.aspp_rates)

    return segmentation(data, cfg.net, scores, is_train, IGNORE_LABEL, own="control_")
