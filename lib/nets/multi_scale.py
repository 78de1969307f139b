# SPDX-License-Identifier: Apache-2.0
"""A network that sees its pictures at several scales and believes the most confident one, as DeepLabV2 (Chen et al.
2016, arXiv 1606.00915)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import mxnet as mx

from lib.config.multi_scale import label_name, tag

Build = Callable[[mx.sym.Symbol, str], mx.sym.Symbol]
"""(pictures, what the names of its nodes begin with) -> what the network says of them."""


def segmentation(data: mx.sym.Symbol, net, build: Build, is_train: bool, ignore: int, own: str = "") -> mx.sym.Symbol:
    """Class probabilities: in testing `softmax_output` (N, classes, H, W) for data (N, 3, H, W).

    In training `softmax_output` on the map of the first scale, and with several scales one more for each, such as
    `softmax_scale075_output`; labels are inputs of the maps' sizes (`lib.config.multi_scale.label_sizes`). Their
    losses are added: each a mean over its pixels whose label is not `ignore`.

    net: cfg.net; reads scales, train_bn. build: gives scores of all classes.
    own: every scale has its own parameters whose names begin with this; '': none.
    """
    scales = net.scales
    if not scales:
        raise ValueError("net.scales: this network needs its scales, such as [1, 0.75, 0.5], got []")

    def shared(name: str) -> bool:
        """Statistics that are trained follow their scale: smaller pictures have others."""
        moving = name.endswith(("_moving_mean", "_moving_var")) and net.train_bn
        return not moving and not (own and name.startswith(own))

    scores = at_scales(data, scales, build, shared)
    best = fused(scores, scales)
    if not is_train:
        return mx.sym.softmax(resized(best, "enlarged", data), axis=1, name="softmax")
    labels = {scale: mx.sym.var(label_name(scale)) for scale in scales}
    heads = [_loss(best, labels[1], "softmax", ignore)]
    if len(scales) > 1:
        heads += [_loss(each, labels[scale], f"softmax_{tag(scale)}", ignore) for each, scale in zip(scores, scales)]
    return mx.sym.Group(heads)


def _loss(scores, label, name, ignore):
    kinds = {"multi_output": True, "use_ignore": True, "ignore_label": ignore, "normalization": "valid"}
    return mx.sym.SoftmaxOutput(scores, label, name=name, **kinds)


def at_scales(
    data: mx.sym.Symbol, scales: Sequence[float], build: Build, shared: Callable[[str], bool]
) -> list[mx.sym.Symbol]:
    """What `build` makes of the pictures at each scale, the first of which is 1.

    shared: whether a parameter or state of that name is one for all scales. Of the others each scale has its own,
    whose name begins with 'scale075_', as those of all its nodes do.
    """
    first = build(data, "")
    variables = first.get_internals()
    known = [name for name in first.list_inputs() if name != data.name and shared(name)]
    return [first, *(_copy(data, scale, build, {name: variables[name] for name in known}) for scale in scales[1:])]


def _copy(data, scale: float, build: Build, known: dict[str, mx.sym.Symbol]) -> mx.sym.Symbol:
    begins = f"{tag(scale)}_"
    with mx.name.Prefix(begins):
        small = resized(data, "data", scale_height=scale, scale_width=scale)
        made = build(mx.sym.var("pixels"), begins)
    return made(pixels=small, **{f"{begins}{name}": variable for name, variable in known.items()})


def fused(scores: Sequence[mx.sym.Symbol], scales: Sequence[float]) -> mx.sym.Symbol:
    """The greatest score of each class at each place, on the map of the first scale."""
    best = scores[0]
    for score, scale in zip(scores[1:], scales[1:]):
        large = resized(score, f"{tag(scale)}_large", scores[0])
        best = mx.sym.broadcast_maximum(best, large, name=f"{tag(scale)}_fused")
    return best


def resized(data: mx.sym.Symbol, name: str, like: mx.sym.Symbol | None = None, **size) -> mx.sym.Symbol:
    """Bilinear interpolation between the middles of cells, to the size of `like` or to one that is said.

    `like` must be something that gradients reach, or nothing may be trained behind it: MXNet 1.9.1 never returns from
    the backward pass otherwise.
    """
    if like is None:
        return mx.sym.contrib.BilinearResize2D(data, align_corners=False, name=name, **size)
    return mx.sym.contrib.BilinearResize2D(data, like, mode="like", align_corners=False, name=name)
