# SPDX-License-Identifier: Apache-2.0
"""Sizes and names in a network that sees its pictures at several scales, `net.scales`, the first of which is 1.

The graphs (lib/nets/multi_scale.py) and those who feed them read them here.
"""

from __future__ import annotations

from math import ceil

from lib.config.maps import cells


def tag(scale: float) -> str:
    """'scale075': what is called after the scale 0.75."""
    return f"scale{round(100 * scale):03d}"


def label_name(scale: float) -> str:
    """The input that holds the labels of a scale."""
    return "label" if scale == 1 else f"label_{tag(scale)}"


def check_size(size: tuple[int, ...], net) -> None:
    """Raises ValueError for pictures of a size (h, w) of which a scale of net.scales leaves no pixel."""
    scale = min([1.0, *net.scales])
    if min(size) * scale < 1:
        raise ValueError(f"net.scales: {scale:g} of {size[0]} x {size[1]} pixels (height x width) leaves none, "
                         f"expected sides of at least {ceil(1 / scale)}")  # fmt: skip


def label_sizes(size: tuple[int, int], net) -> dict[str, tuple[int, int]]:
    """{input: (h, w)} of all labels for crops of `size`: those of the crop; with net.scales those of each scale's map.

    net: cfg.net; reads scales, output_stride, pool_pad, pool_ceil. Raises ValueError as `check_size` does.
    """
    check_size(size, net)
    if not net.scales:
        return {"label": size}
    (height, width), stride = size, net.output_stride
    return {
        label_name(each): (cells(int(height * each), net, stride), cells(int(width * each), net, stride))
        for each in net.scales
    }


def unfit_scales(net):
    """What is wrong with net.scales, of which [] is none, and net.aspp_rates."""
    scales = net.scales
    if not net.aspp_rates or min(net.aspp_rates) < 1:
        yield f"net.aspp_rates: expected dilations from 1 on, such as [6, 12, 18, 24], got {net.aspp_rates}"
    if scales and (scales[0] != 1 or not all(0 < each <= 1 for each in scales)):
        yield f"net.scales: expected 1 and then scales between 0 and 1, such as [1, 0.75, 0.5], got {scales}"
    elif len({tag(each) for each in scales}) < len(scales):
        yield f"net.scales: expected scales that differ by 0.01 at least, got {scales}"
