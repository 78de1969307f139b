# SPDX-License-Identifier: Apache-2.0
"""torchvision's names of a ResNet as those of the Caffe models that `lib.nets.resnet_v1` has."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from lib.nets.resnet_v1 import BASIC, BOTTLENECKS, unit_names
from lib.weights.convert.deeplab_v2 import classifiers, from_deeplab_v2, is_deeplab_v2
from lib.weights.convert.names import from_gluon
from lib.weights.convert.sources import ConvertError, Source, as_float32

_KINDS = {
    "conv": {"weight": "weight"},
    "bn": {"weight": "gamma", "bias": "beta", "running_mean": "moving_mean", "running_var": "moving_var"},
}
_STATISTICS = ("moving_mean", "moving_var")


@dataclass(frozen=True)
class Network:
    """A backbone for `network.pretrained`: depth, width of conv1, arg and aux (float32), names that were not used.

    kind: whose it is, 'torch' (torchvision, timm), 'gluon' or 'deeplab_v2'. extra: parameters behind the backbone.
    """

    depth: int
    width: int
    arg: dict[str, np.ndarray]
    aux: dict[str, np.ndarray]
    unused: list[str]
    kind: str
    extra: dict[str, np.ndarray]


def convert(source: Source) -> Network:
    """Raises ConvertError for a network that is no ResNet v1 of a known depth, naming what is there."""
    if "arg:conv1_weight" in source.arrays:
        raise ConvertError(
            f"{source.path}: has this project's names already; set network.pretrained to its path without -0000.params"
        )
    kind = "deeplab_v2" if is_deeplab_v2(source.arrays) else source.framework
    arrays = {"gluon": from_gluon, "deeplab_v2": from_deeplab_v2}.get(kind, dict)(source.arrays)
    arrays = {name: each for name, each in arrays.items() if not name.endswith("num_batches_tracked")}
    depth, counts = _depth(source, arrays)
    arg: dict[str, np.ndarray] = {}
    aux: dict[str, np.ndarray] = {}
    unused, unknown = [], []
    for name, each in arrays.items():
        ours = _name(name, depth, counts)
        if re.fullmatch(r"fc\.(weight|bias)", name):
            unused.append(name)
        elif ours is None:
            unknown.append(name)
        else:
            part = aux if ours.endswith(_STATISTICS) else arg
            if ours in part:
                raise ConvertError(f"{source.path}: {name} is there a second time, under another name ({ours})")
            part[ours] = as_float32(source, name, each)
    if unknown:
        raise ConvertError(
            f"{source.path}: an ordinary ResNet-{depth} has no {', '.join(unknown[:6])}"
            f"{' and others' if len(unknown) > 6 else ''}; variants (deep stems, attention, pre-activation) do not fit"
        )
    extra = classifiers(source.arrays) if kind == "deeplab_v2" else {}
    extra = {name: as_float32(source, name, each) for name, each in extra.items()}
    network = Network(depth, len(arg["conv1_weight"]), arg, aux, unused, kind, extra)
    _check(source, network)
    return network


def _depth(source: Source, arrays) -> tuple[int, tuple[int, ...]]:
    blocks: list[set] = [set() for _ in range(4)]
    for name in arrays:
        if match := re.match(r"layer([1-4])\.(\d+)\.", name):
            blocks[int(match[1]) - 1].add(int(match[2]))
    counts = tuple(len(each) for each in blocks)
    if "conv1.weight" not in arrays or not any(counts):
        raise ConvertError(
            f"{source.path}: no ResNet v1 in it (v2, pre-activation, is another network): its arrays are "
            f"{', '.join(list(arrays)[:6])}, ..."
        )
    table = BOTTLENECKS if any(".conv3." in name for name in arrays) else BASIC
    for depth, known in table.items():
        if counts == known and all(each == set(range(len(each))) for each in blocks):
            return depth, counts
    kind = "bottleneck" if table is BOTTLENECKS else "basic"
    raise ConvertError(f"{source.path}: {counts} {kind} blocks per stage, numbered from 0; known are {table}")


def _name(name: str, depth: int, counts) -> str | None:
    """Our name of a torchvision name; None where we have none."""
    match = re.fullmatch(r"(conv|bn)1\.(\w+)", name)
    if match:
        kind = _KINDS[match[1]].get(match[2])
        return kind and f"{'conv1' if match[1] == 'conv' else 'bn_conv1'}_{kind}"
    match = re.fullmatch(r"layer([1-4])\.(\d+)\.(?:(conv|bn)([1-3])|downsample\.([01]))\.(\w+)", name)
    if not match:
        return None
    stage, block = int(match[1]), int(match[2])
    part = match[3] or ("conv", "bn")[int(match[5])]
    kind = _KINDS[part].get(match[6])
    letter = unit_names(depth, stage + 1, counts[stage - 1])[block]
    branch = "branch1" if match[5] else f"branch2{'abc'[int(match[4]) - 1]}"
    return kind and f"{'res' if part == 'conv' else 'bn'}{stage + 1}{letter}_{branch}_{kind}"


def _check(source: Source, network: Network) -> None:
    """Every parameter of our backbone, of its shape, and no other."""
    import mxnet as mx

    from lib.config.sections import Backbone
    from lib.nets.res5 import convolution
    from lib.nets.resnet_v1 import backbone

    symbol = backbone(mx.sym.var("data"), Backbone(depth=network.depth, width=network.width), convolution)
    arguments, _, states = symbol.infer_shape(data=(1, 3, 64, 64))
    expected = dict(zip(symbol.list_arguments() + symbol.list_auxiliary_states(), arguments + states))
    del expected["data"]
    got = {name: each.shape for name, each in {**network.arg, **network.aux}.items()}
    problems = [f"{name} is missing" for name in expected if name not in got]
    problems += [f"{name} is too much" for name in got if name not in expected]
    problems += [
        f"{name} has shape {got[name]}, expected {tuple(shape)}"
        for name, shape in expected.items()
        if name in got and got[name] != tuple(shape)
    ]
    if problems:
        more = f" and {len(problems) - 4} more" if len(problems) > 4 else ""
        raise ConvertError(
            f"{source.path}: not an ordinary ResNet-{network.depth} (ResNeXt and wide ones have no place here): "
            f"{'; '.join(problems[:4])}{more}"
        )
