# SPDX-License-Identifier: Apache-2.0
"""The one builder of ResNet v1 (He et al. 2015, arXiv 1512.03385) in the Caffe style of the original's DeepLab.

Caffe style: convolutions without bias, the stride of a bottleneck on its first 1x1 (`branch2a`, unless
`net.stride_on_3x3`) and on the shortcut, parameter names of the published Caffe models (`res4b22_branch2c_weight`,
`bn4b22_branch2c_gamma`, ...), so that their converted files load. Which convolution stands at `branch2b` of the res5
units is the caller's choice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import mxnet as mx

BOTTLENECKS = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}
BASIC = {10: (1, 1, 1, 1), 18: (2, 2, 2, 2), 34: (3, 4, 6, 3)}
# (stride, dilation) of res2..res5 by output stride: a stage that may not halve the map looks twice as far instead. The
# res5 entry holds for its ordinary 3x3 convolutions; branch2b has net.res5_dilate.
STAGES = {
    32: ((1, 1), (2, 1), (2, 1), (2, 1)),
    16: ((1, 1), (2, 1), (2, 1), (1, 1)),
    8: ((1, 1), (2, 1), (1, 2), (1, 2)),
}

Branch2b = Callable[[mx.sym.Symbol, str, int, object, int], mx.sym.Symbol]
"""(data, name, num_filter, cfg.net, stride) -> a 3x3 convolution of that name, no bias; stride 1 keeps the size."""


@dataclass(frozen=True)
class _Unit:
    name: str  # '4b22'
    filters: int  # of the 3x3 convolutions
    stride: int
    dilate: int
    project: bool  # the shortcut is a convolution because the unit changes the shape
    branch2b: Branch2b
    extra: Branch2b | None


def backbone(data: mx.sym.Symbol, net, res5_branch2b: Branch2b, res5_extra: Branch2b | None = None) -> mx.sym.Symbol:
    """Features of res5, (N, C, ceil(H/os), ceil(W/os)) up to the stem's rounding.

    C = width*32, or width*8 in depths 10, 18 and 34.

    data: (N, 3, H, W).
    net: cfg.net; reads depth (10, 18, 34, 50, 101), width (filters of conv1, 64 in the papers),
        output_stride (8, 16, 32),
        dilate_stages (False: only res5_branch2b may look further than its neighbours),
        res5_both, inception,
        stride_on_3x3, pool_pad, pool_ceil, bn_eps (how other frameworks' networks differ, see docs/weights.md),
        train_bn (False: batch norm uses its stored statistics, as the original).
    res5_branch2b: see `Branch2b`. In depths 10, 18 and 34 with net.res5_both it stands at branch2a of res5, too.
    res5_extra: one more such convolution after the last batch norm of every unit of res5, before the sum.
    Raises ValueError for a depth, output stride or width that does not exist.
    """
    _check(net)
    bottleneck = _inception if net.inception else _bottleneck
    unit, expansion = (bottleneck, 4) if net.depth in BOTTLENECKS else (_basic, 1)
    x, channels = _stem(data, net), net.width
    for stage, (stride, dilate) in zip((2, 3, 4, 5), STAGES[net.output_stride]):
        dilate = dilate if net.dilate_stages else 1
        filters = net.width * 2 ** (stage - 2)
        branch2b, extra = (res5_branch2b, res5_extra) if stage == 5 else (_ordinary(dilate), None)
        for letter in units(net.depth, stage):
            project = stride != 1 or channels != filters * expansion
            x = unit(x, _Unit(f"{stage}{letter}", filters, stride, dilate, project, branch2b, extra), net)
            stride, channels = 1, filters * expansion
    return x


def units(depth: int, stage: int) -> list[str]:
    """The units of a stage, 2 to 5, see `unit_names`."""
    return unit_names(depth, stage, {**BOTTLENECKS, **BASIC}[depth][stage - 2])


def unit_names(depth: int, stage: int, count: int) -> list[str]:
    """Unit letters of a stage as in the Caffe models: a, b, c, ..., but a, b1, b2, ... in res3 and res4 of the 101."""
    if depth == 101 and stage in (3, 4):
        return ["a"] + [f"b{i}" for i in range(1, count)]
    return list("abcdefghij"[:count])


def _check(net) -> None:
    depths = sorted((*BASIC, *BOTTLENECKS))
    if net.depth not in depths:
        raise ValueError(f"net.depth: no ResNet of depth {net.depth!r} here, expected one of {depths}")
    if net.output_stride not in STAGES:
        raise ValueError(f"net.output_stride: got {net.output_stride!r}, expected one of {sorted(STAGES)}")
    if net.inception and net.depth not in BOTTLENECKS:
        raise ValueError(f"net.inception: its units come in depths {sorted(BOTTLENECKS)}, got net.depth {net.depth}")
    if net.width < 1:
        raise ValueError(f"net.width: got {net.width!r}, expected at least 1 filter")


def _stem(data, net):
    x = _relu(_bn(_conv(data, "conv1", net.width, kernel=7, stride=2), "bn_conv1", net), "conv1_relu")
    return mx.sym.Pooling(
        x,
        name="pool1",
        kernel=(3, 3),
        stride=(2, 2),
        pad=(net.pool_pad, net.pool_pad),
        pool_type="max",
        pooling_convention="valid" if net.pool_pad and not net.pool_ceil else "full",
    )


def _bottleneck(x, unit, net):
    res, bn = f"res{unit.name}", f"bn{unit.name}"
    first, second = (1, unit.stride) if net.stride_on_3x3 else (unit.stride, 1)
    y = _bn(_conv(x, f"{res}_branch2a", unit.filters, stride=first), f"{bn}_branch2a", net)
    y = unit.branch2b(_relu(y, f"{res}_branch2a_relu"), f"{res}_branch2b", unit.filters, net, second)
    y = _relu(_bn(y, f"{bn}_branch2b", net), f"{res}_branch2b_relu")
    y = _bn(_conv(y, f"{res}_branch2c", unit.filters * 4), f"{bn}_branch2c", net)
    return _join(x, y, unit, unit.filters * 4, net)


def _basic(x, unit, net):
    res, bn = f"res{unit.name}", f"bn{unit.name}"
    if net.res5_both and unit.name.startswith("5"):
        y = unit.branch2b(x, f"{res}_branch2a", unit.filters, net, unit.stride)
    else:
        y = _conv(x, f"{res}_branch2a", unit.filters, kernel=3, stride=unit.stride, dilate=unit.dilate)
    y = _relu(_bn(y, f"{bn}_branch2a", net), f"{res}_branch2a_relu")
    y = _bn(unit.branch2b(y, f"{res}_branch2b", unit.filters, net, 1), f"{bn}_branch2b", net)
    return _join(x, y, unit, unit.filters, net)


def _inception(x, unit, net):
    """A unit of Aligned-Inception-ResNet (Dai et al. 2017, 1703.06211): an inception residual block that is padded
    everywhere, so that a cell stays above its pixels. The paper does not tell what is inside; our reading: three paths
    of no, one and two 3x3 convolutions after a 1x1, of an eighth of the unit's channels each, joined by a 1x1.
    """
    res, bn, width = f"res{unit.name}", f"bn{unit.name}", unit.filters // 2
    paths = []
    for number in (2, 3, 4):
        y = x
        for letter in "abc"[: number - 1]:
            name = f"branch{number}{letter}"
            if letter == "a":
                y = _conv(y, f"{res}_{name}", width, stride=unit.stride)
            else:
                y = unit.branch2b(y, f"{res}_{name}", width, net, 1)
            y = _relu(_bn(y, f"{bn}_{name}", net), f"{res}_{name}_relu")
        paths.append(y)
    y = mx.sym.concat(*paths, dim=1, name=f"{res}_concat")
    y = _bn(_conv(y, f"{res}_expand", unit.filters * 4), f"{bn}_expand", net)
    return _join(x, y, unit, unit.filters * 4, net)


def _join(x, y, unit, channels, net):
    res, bn = f"res{unit.name}", f"bn{unit.name}"
    if unit.extra:
        y = unit.extra(y, f"{res}_extra", channels, net, 1)
    if unit.project:
        x = _bn(_conv(x, f"{res}_branch1", channels, stride=unit.stride), f"{bn}_branch1", net)
    return _relu(mx.sym.elemwise_add(x, y, name=res), f"{res}_relu")


def _ordinary(dilate: int) -> Branch2b:
    def branch2b(data, name, num_filter, net, stride):
        return _conv(data, name, num_filter, kernel=3, stride=stride, dilate=dilate)

    return branch2b


def _conv(x, name, num_filter, kernel=1, stride=1, dilate=1):
    pad = dilate * (kernel // 2)
    return mx.sym.Convolution(
        x,
        name=name,
        num_filter=num_filter,
        kernel=(kernel, kernel),
        stride=(stride, stride),
        dilate=(dilate, dilate),
        pad=(pad, pad),
        no_bias=True,
    )


def _bn(x, name, net):
    return mx.sym.BatchNorm(x, name=name, use_global_stats=not net.train_bn, fix_gamma=False, eps=net.bn_eps)


def _relu(x, name):
    return mx.sym.Activation(x, name=name, act_type="relu")


def channels_of(net) -> int:
    """Of what `backbone` gives."""
    return net.width * (32 if net.depth in BOTTLENECKS else 8)


def stage_output(features: mx.sym.Symbol, net, stage: int) -> mx.sym.Symbol:
    """The features of an earlier stage (2 to 4), inside those of `backbone`."""
    counts = (BOTTLENECKS if net.depth in BOTTLENECKS else BASIC)[net.depth]
    last = unit_names(net.depth, stage, counts[stage - 2])[-1]
    return features.get_internals()[f"res{stage}{last}_relu_output"]


def before_last(features: mx.sym.Symbol, net, begins: str = "") -> mx.sym.Symbol:
    """What the unit before the last of res5 gives, inside the features of `backbone`. begins: what the names of its
    nodes begin with. Raises ValueError for a depth with one unit."""
    letters = units(net.depth, 5)
    if len(letters) < 2:
        raise ValueError(f"net.depth: the unit before the last of res5 is asked for, depth {net.depth} has one unit")
    return features.get_internals()[f"{begins}res5{letters[-2]}_relu_output"]
