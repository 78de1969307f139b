# SPDX-License-Identifier: Apache-2.0
"""Small graphs with layers that learn where to look, in every form that their offsets are made."""

from __future__ import annotations

import mxnet as mx
import numpy as np

from lib.engines.engine import Settings
from lib.engines.mxnet.engine import MXNetEngine
from lib.looking.layers import looking_layers, steering
from lib.run.rules import Rule
from lib.run.task import Network
from operators.for_mxnet import sym

SHAPE = (2, 4, 9, 11)
DATA, BOXES = mx.sym.var("data"), mx.sym.var("rois")
ROIS = np.array([[0, 0, 0, 8, 8], [1, 2, 1, 10, 7], [0, 3, 3, 6, 8]], np.float32)


def pad_of(kernel):
    return tuple(side // 2 for side in kernel)


def branch(name, filters, kernel=(3, 3)):
    return mx.sym.Convolution(DATA, name=name, num_filter=filters, kernel=kernel, pad=pad_of(kernel))


def deformable(kernel=(3, 3), offset=None, groups=1, sets=1, name="layer"):
    taps = kernel[0] * kernel[1]
    offset = branch("where", 2 * taps * groups * sets) if offset is None else offset
    more = {"num_offset_group": sets} if sets > 1 else {}
    return sym.DeformableConvolution(DATA, offset, name=name, kernel=kernel, pad=pad_of(kernel),
                                     num_filter=4, num_deformable_group=groups, no_bias=True, **more)  # fmt: skip


def modulated(kernel=(3, 3), cut="slice_axis"):
    """One branch makes offsets and masks; cut: how they are taken apart."""
    taps = kernel[0] * kernel[1]
    both = branch("where", 3 * taps)
    if cut == "slice_axis":
        pieces = [mx.sym.slice_axis(both, axis=1, begin=first * taps, end=(first + 1) * taps) for first in range(3)]
    else:
        pieces = list(mx.sym.SliceChannel(both, num_outputs=3, axis=1))
    offset = mx.sym.Concat(pieces[0], pieces[1], dim=1)
    return sym.ModulatedDeformableConvolution(
        DATA, offset, 2 * mx.sym.sigmoid(pieces[2]), name="layer", kernel=kernel, pad=pad_of(kernel),
        num_filter=4, no_bias=True,
    )  # fmt: skip


def active(kernel=(3, 3), offset=None, groups=1, sets=1, name="layer"):
    more = {"offset": offset} if offset is not None else {}
    return sym.ActiveConvolution(DATA, name=name, kernel=kernel, pad=pad_of(kernel), num_filter=4,
                                 num_deformable_group=groups, num_offset_group=sets, no_bias=True, **more)  # fmt: skip


def stock():
    """The node of MXNet itself, with names of a detector."""
    offset = branch("rfcn_cls_offset_t", 2 * 9)
    return mx.sym.contrib.DeformableConvolution(
        DATA, offset, name="stock", kernel=(3, 3), pad=(1, 1), num_filter=4, no_bias=True
    )


def rfcn():
    """R-FCN: a convolution whose map is pooled becomes what moves the bins of the next pooling."""
    rois, maps = BOXES, branch("rfcn_cls", 4 * 2, (1, 1))
    pool = {"spatial_scale": 1.0, "group_size": 2, "pooled_size": 2, "sample_per_part": 2}
    moved = branch("rfcn_cls_offset_t", 2 * 4, (1, 1))
    trans = sym.DeformablePSROIPooling(moved, rois, name="rfcn_cls_offset", output_dim=2, no_trans=True, **pool)
    return sym.DeformablePSROIPooling(maps, rois, trans, name="deformable_psroipool", output_dim=2, part_size=2,
                                      trans_std=0.5, **pool)  # fmt: skip


def faster_rcnn():
    """Faster R-CNN: pooled features, a fully connected layer, and its units as a map."""
    rois = BOXES
    pool = {"spatial_scale": 1.0, "group_size": 1, "pooled_size": 3, "sample_per_part": 2, "output_dim": 4}
    pooled = sym.DeformablePSROIPooling(DATA, rois, name="offset_t", no_trans=True, **pool)
    units = mx.sym.FullyConnected(pooled, name="offset", num_hidden=2 * 9)
    trans = mx.sym.Reshape(units, shape=(-1, 2, 3, 3), name="offset_reshape")
    return sym.DeformablePSROIPooling(DATA, rois, trans, name="deformable_roi_pool", part_size=3,
                                      trans_std=0.5, **pool)  # fmt: skip


def bounded(offset, bound=1.5):
    return mx.sym.tanh(offset / bound) * bound


GRAPHS = {
    "5x5": lambda: deformable((5, 5)),
    "1x7": lambda: deformable((1, 7)),
    "two groups and two sets": lambda: deformable(groups=2, sets=2),
    "bounded": lambda: deformable(offset=bounded(branch("where", 18))),
    "modulated": modulated,
    "modulated 5x5": lambda: modulated((5, 5)),
    "active 1x7": lambda: active((1, 7)),
    "active two groups and two sets": lambda: active(groups=2, sets=2),
    "active bounded": lambda: active(offset=bounded(mx.sym.var("where", shape=(1, 1, 3, 3, 2)))),
    "stock": stock,
    "rfcn": rfcn,
    "faster rcnn": faster_rcnn,
}
POOLINGS = ("rfcn", "faster rcnn")


def engine_of(graph, seed=0, scale=0.3) -> MXNetEngine:
    """An engine that holds the graph with random parameters; what makes offsets gets values that move them."""
    engine = MXNetEngine(Settings(momentum=0.5, precision="float64"), "", 1, "device")
    text = mx.sym.MakeLoss(graph, name="loss").tojson()
    names = [name for name in graph.list_arguments() if name not in ("data", "rois")]
    rules = {name: Rule(1.0, 0.0, "write", "zeros", False) for name in names}
    inputs = {"data": SHAPE, "rois": ROIS.shape} if "rois" in graph.list_arguments() else {"data": SHAPE}
    engine.build(Network(text, inputs, rules))
    random = np.random.default_rng(seed)
    arg, _ = engine.parameters()
    makes = steering(looking_layers(text))
    engine.load({name: random.normal(size=value.shape) * (scale if name in makes else 1.0)
                 for name, value in arg.items()}, {})  # fmt: skip
    return engine


def batch(engine, seed=1) -> dict[str, np.ndarray]:
    data = np.random.default_rng(seed).normal(size=SHAPE)
    return {"data": data, "rois": ROIS.astype(np.float64)} if "rois" in engine.network.inputs else {"data": data}
