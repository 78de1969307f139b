# SPDX-License-Identifier: Apache-2.0
"""DeepLab's head: per-pixel classification of the features, enlarged to the size of the data."""

from __future__ import annotations

import mxnet as mx

IGNORE_LABEL = 255


def segmentation(features: mx.sym.Symbol, data: mx.sym.Symbol, classes: int, net, is_train: bool) -> mx.sym.Symbol:
    """Class probabilities `softmax_output` (N, classes, H, W) for data (N, 3, H, W).

    In training a second input `label` (N, H, W) holds class indices, 255 = ignored, and the gradient is that of the
    cross entropy divided by the number of pixels that count (Deformable-ConvNets, deeplab/symbols).
    net: cfg.net; reads head_channels (filters of fc6) and output_stride.
    """
    x = mx.sym.Convolution(features, name="fc6", kernel=(1, 1), num_filter=net.head_channels)
    x = mx.sym.Activation(x, name="relu_fc6", act_type="relu")
    x = mx.sym.Convolution(x, name="score", kernel=(1, 1), num_filter=classes)
    x = _enlarge(x, data, classes, net.output_stride)
    if not is_train:
        return mx.sym.softmax(x, axis=1, name="softmax")
    return mx.sym.SoftmaxOutput(
        x,
        mx.sym.var("label"),
        name="softmax",
        multi_output=True,
        use_ignore=True,
        ignore_label=IGNORE_LABEL,
        normalization="valid",
    )


def _enlarge(x, data, classes, stride):
    """Bilinear interpolation by `stride`, cut to the data's size so that a cell's value stands in the cell's middle."""
    x = mx.sym.Deconvolution(
        x,
        name="upsampling",
        kernel=(2 * stride, 2 * stride),
        stride=(stride, stride),
        num_filter=classes,
        num_group=classes,
        no_bias=True,
    )
    # The kernel of cell j peaks at stride*j + stride - 1/2 and the cell's middle is at stride*j + stride/2 - 1/2.
    return mx.sym.Crop(x, data, name="crop", offset=(stride // 2, stride // 2))
