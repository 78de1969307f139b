# SPDX-License-Identifier: Apache-2.0
"""Names of DeepLabV2's PyTorch version (kazuto1011/deeplab-pytorch) as torchvision's, and its classifiers as ours.

Its files are DeepLabV2 over three scales ('base.layer1...', 'base.aspp.c0'), or the network of one scale it starts from
('layer1...', with a classifier `fc`).
"""

from __future__ import annotations

import re

import numpy as np

Arrays = dict[str, np.ndarray]
_PLACE = {"reduce": "1", "conv3x3": "2", "increase": "3"}
_CLASSIFIER = re.compile(r"(?:base\.)?aspp\.(c\d)\.(weight|bias)")


def is_deeplab_v2(arrays: Arrays) -> bool:
    return any(name.removeprefix("base.") == "layer1.conv1.conv.weight" for name in arrays)


def from_deeplab_v2(arrays: Arrays) -> Arrays:
    """The backbone under torchvision's names; what has no known form keeps its own, for the caller to refuse."""
    return {_name(name): each for name, each in arrays.items() if not _CLASSIFIER.fullmatch(name)}


def classifiers(arrays: Arrays) -> Arrays:
    """'aspp_c0_weight', ... of a file that has them."""
    found = ((_CLASSIFIER.fullmatch(name), each) for name, each in arrays.items())
    return {f"aspp_{match[1]}_{match[2]}": each for match, each in found if match}


def _name(name: str) -> str:
    plain = name.removeprefix("base.")
    if match := re.fullmatch(r"layer1\.conv1\.(conv|bn)\.(\w+)", plain):
        return f"{match[1]}1.{match[2]}"
    if match := re.fullmatch(r"layer([2-5])\.block(\d+)\.(\w+)\.(conv|bn)\.(\w+)", plain):
        stage, block, part, kind, rest = match.groups()
        before = f"layer{int(stage) - 1}.{int(block) - 1}"
        if part == "shortcut":
            return f"{before}.downsample.{('conv', 'bn').index(kind)}.{rest}"
        if part in _PLACE:
            return f"{before}.{kind}{_PLACE[part]}.{rest}"
    return plain
