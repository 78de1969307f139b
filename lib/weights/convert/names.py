# SPDX-License-Identifier: Apache-2.0
"""Gluon's names of a ResNet v1 as torchvision's, and its biases of convolutions as part of batch norm.

Gluon's model zoo writes the network's parts by number (save_parameters: 'features.5.0.body.3.weight') or by counting
convolutions and batch norms per stage (export and old files: 'resnetv10_stage2_conv1_weight').
"""

from __future__ import annotations

import re

import numpy as np

_BODY = {0: "conv1", 1: "bn1", 3: "conv2", 4: "bn2", 6: "conv3", 7: "bn3"}
_STATISTICS = {"gamma": "weight", "beta": "bias"}

Arrays = dict[str, np.ndarray]


def from_gluon(arrays: Arrays) -> Arrays:
    """The arrays under torchvision's names; those of no known form keep theirs, for the caller to refuse.

    A bias of a convolution (Gluon's 1x1 ones have them, Caffe's have none) is taken off the mean of the batch norm
    behind it, which changes nothing.
    """
    arrays = {re.sub(r"^(arg|aux):", "", name): each for name, each in arrays.items()}
    counted = [name for name in arrays if re.match(r"resnetv1\d+_", name)]
    names = _counted(arrays) if counted else {name: _numbered(name) for name in arrays}
    return _absorb({names[name]: each for name, each in arrays.items()})


def _numbered(name: str) -> str:
    parts = name.split(".")
    kind = _STATISTICS.get(parts[-1], parts[-1])
    if parts[0] == "output":
        return f"fc.{kind}"
    if parts[0] != "features" or not all(each.isdigit() for each in parts[1:2]):
        return name
    if len(parts) == 3 and parts[1] in ("0", "1"):
        return f"{('conv1', 'bn1')[int(parts[1])]}.{kind}"
    if len(parts) == 6 and 4 <= int(parts[1]) <= 7:
        place = f"layer{int(parts[1]) - 3}.{parts[2]}"
        if parts[3] == "downsample":
            return f"{place}.downsample.{parts[4]}.{kind}"
        if parts[3] == "body" and parts[4].isdigit() and int(parts[4]) in _BODY:
            return f"{place}.{_BODY[int(parts[4])]}.{kind}"
    return name


def _counted(arrays: Arrays) -> dict[str, str]:
    found = {
        name: re.fullmatch(r"resnetv1\d+_(?:stage(\d)_)?(conv|batchnorm|dense)(\d+)_(\w+)", name) for name in arrays
    }
    convolutions: dict[str, dict[int, tuple]] = {}
    for name, match in found.items():
        if match and match[1] and match[2] == "conv" and match[4] == "weight":
            convolutions.setdefault(match[1], {})[int(match[3])] = arrays[name].shape
    return {name: _place(match, convolutions) if match else name for name, match in found.items()}


def _place(match: re.Match, convolutions) -> str:
    stage, part, number, kind = match[1], match[2], int(match[3]), _STATISTICS.get(match[4], match[4])
    if part == "dense":
        return f"fc.{kind}"
    short = "conv" if part == "conv" else "bn"
    if stage is None:
        return f"{short}{number + 1}.{kind}"
    shapes = convolutions.get(stage, {})
    if 0 not in shapes:
        return match[0]
    each = 3 if shapes[0][-1] == 1 else 2  # convolutions in a block; a bottleneck begins with 1x1
    projected = len(shapes) % each == 1  # the first block's shortcut is counted behind its body
    if projected and number == each:
        return f"layer{stage}.0.downsample.{0 if part == 'conv' else 1}.{kind}"
    block, place = divmod(number - (projected and number > each), each)
    return f"layer{stage}.{block}.{short}{place + 1}.{kind}"


def _absorb(arrays: Arrays) -> Arrays:
    without = dict(arrays)
    for name in arrays:
        match = re.fullmatch(r"(.*\.)conv(\d)\.bias", name)
        mean = match and f"{match[1]}bn{match[2]}.running_mean"
        if mean in arrays:
            without[mean] = arrays[mean] - without.pop(name)
    return without
