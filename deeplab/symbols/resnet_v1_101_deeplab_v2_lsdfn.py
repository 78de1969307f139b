# SPDX-License-Identifier: Apache-2.0
"""DeepLabV2 whose classifiers see, beside res5, what dynamic filters make of its unit before the last (Wu et al. 2018,
arXiv 1803.07624). Every scale has its own filters; what follows them is shared."""

from __future__ import annotations

import mxnet as mx

from deeplab.symbols.head import IGNORE_LABEL
from lib.nets.aspp import aspp
from lib.nets.dynamic_filter import dynamic_filter
from lib.nets.multi_scale import segmentation
from lib.nets.res5 import convolution
from lib.nets.resnet_v1 import units

res5_branch2b = convolution


def network(data, features, cfg, is_train):
    net, letters = cfg.net, units(cfg.net.depth, 5)
    if len(letters) < 2:
        raise ValueError(f"net.depth: dynamic filters stand on the unit before the last of res5, depth {net.depth} "
                         "has one unit")  # fmt: skip

    def scores(pixels, begins):
        top = features(pixels)
        below = top.get_internals()[f"{begins}res5{letters[-2]}_relu_output"]
        filtered = dynamic_filter(below, "lsdfn", net.lsdfn.block())
        filtered = mx.sym.Convolution(filtered, name="post", kernel=(1, 1), num_filter=net.lsdfn.post)
        filtered = mx.sym.Activation(filtered, name="post_relu", act_type="relu")
        both = mx.sym.concat(top, filtered, dim=1, name="res5_and_filtered")
        return aspp(both, cfg.dataset.NUM_CLASSES, net.aspp_rates)

    return segmentation(data, net, scores, is_train, IGNORE_LABEL, own="lsdfn_")
