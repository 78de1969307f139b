# SPDX-License-Identifier: Apache-2.0
"""What one update of a network moves and computes, counted from its graph."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from pathlib import Path

from deeplab import symbols
from lib.config import load
from lib.run.rules import INPUTS, network_shapes, rules

CONFIGS = Path(__file__).parents[2] / "experiments" / "deeplab" / "cfgs"
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
    cfg = load(CONFIGS / f"{name}.yaml")
    size = (cfg.TRAIN.CROP_HEIGHT, cfg.TRAIN.CROP_WIDTH) if cfg.TRAIN.ENABLE_CROP else cfg.SCALES[0]
    symbol = symbols.get_symbol(cfg)
    shapes = network_shapes(symbol, (1, 3, *size))
    inner = network_shapes(symbol.get_internals(), (1, 3, *size))
    names = [n for n in symbol.list_arguments() if n not in INPUTS] + symbol.list_auxiliary_states()
    trained = [name for name, rule in rules(cfg, names).items() if rule.grad_req != "null"]
    weights = [name for name in names if name.endswith("_weight")]
    work = {weight: prod(shapes[weight]) * _places(weight, inner) for weight in weights}
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


def _places(weight: str, inner: dict) -> int:
    """How many positions a weight is applied at: those of its output; of an upsampling those of its input."""
    layer = weight[: -len("_weight")]
    if layer == "upsampling":
        return prod(inner["score_output"][2:])
    return prod(inner[f"{layer}_output"][2:])
