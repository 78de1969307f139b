# SPDX-License-Identifier: Apache-2.0
"""DeepLab with ordinary convolutions; `net.res5_dilate` sets how far those of res5 look (the dilated baselines)."""

from __future__ import annotations

import mxnet as mx

from lib.nets.res5 import geometry


def res5_branch2b(data, name, num_filter, net, stride):
    """Convolution with dilation and padding `net.res5_dilate`."""
    return mx.sym.Convolution(data=data, name=name, **geometry(num_filter, net, stride))
