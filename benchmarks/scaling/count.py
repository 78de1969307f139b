# SPDX-License-Identifier: Apache-2.0
"""What one update of a network moves and computes, counted from its graph."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from deeplab.rules import rules_of
from deeplab.symbols import get_symbol
from lib.engines.mxnet.network import infer_shapes
from lib.system import read

NETWORKS = {kind: f"deeplab_resnet_v1_101_cityscapes_segmentation_{kind}" for kind in ("base", "dcn", "acn")}
FLOAT = 4  # bytes


@dataclass(frozen=True)
class Count:
    """Of one update of one image.

    parameters: numbers that the network has, statistics too. trained: those of them that get a gradient.
    gradients: how many of these each trained parameter has, in the order of the KVStore's keys.
    forward, backward: multiplications (each with its addition) of the convolutions.
    """

    parameters: int
    trained: int
    gradients: tuple[int, ...]
    forward: int
    backward: int

    @property
    def gradient_bytes(self) -> int:
        return FLOAT * self.trained


def count(name: str) -> Count:
    """name: a configuration in experiments/deeplab/cfgs; one image of the size that it trains on."""
    _, cfg = read(f"deeplab/{name}", [])
    size = (cfg.TRAIN.CROP_HEIGHT, cfg.TRAIN.CROP_WIDTH) if cfg.TRAIN.ENABLE_CROP else tuple(cfg.SCALES[0])
    symbol = get_symbol(cfg)
    rules = rules_of(cfg, symbol.tojson())
    shapes = infer_shapes(symbol.get_internals(), {"data": (1, 3, *size), "label": (1, *size)})
    names = [name for name in symbol.list_arguments() + symbol.list_auxiliary_states() if name in rules]
    trained = [name for name in names if rules[name].grad_req != "null"]
    weights = [name for name in names if name.endswith("_weight")]
    work = {weight: prod(shapes[weight]) * _places(weight, shapes) for weight in weights}
    # The gradient of a weight and that of its layer's input each cost as much as forward; below the lowest trained
    # layer there is neither. An upsampling that is not trained still passes its gradient on.
    lowest = min(weights.index(name) for name in trained if name in weights)
    passed_on = sum(work[name] for name in weights[lowest + 1 :])
    return Count(
        parameters=sum(prod(shapes[name]) for name in names),
        trained=sum(prod(shapes[name]) for name in trained),
        gradients=tuple(prod(shapes[name]) for name in trained),
        forward=sum(work.values()),
        backward=passed_on + sum(work[name] for name in weights if name in trained),
    )


def _places(weight: str, shapes: dict) -> int:
    """How many positions a weight is applied at: those of its output; of an upsampling those of its input."""
    layer = weight[: -len("_weight")]
    if layer == "upsampling":
        return prod(shapes["score_output"][2:])
    return prod(shapes[f"{layer}_output"][2:])
