# SPDX-License-Identifier: Apache-2.0
"""What a configuration must say so that converted weights see the pictures and the strides they were trained with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import yaml

from lib.run.atomic import write_text
from lib.weights.convert.resnet import Network
from lib.weights.convert.sources import ConvertError, Source

Colours = tuple[float, float, float]


@dataclass(frozen=True)
class Habits:
    """How a network was trained. stride: of bottlenecks, on the '1x1' or the '3x3'. mean, std: (red, green, blue) in
    0..1. order: 'RGB' or 'BGR', the channels that conv1 expects. eps: of batch norm. ceil: see `net.pool_ceil`."""

    stride: str
    mean: Colours = (0.485, 0.456, 0.406)
    std: Colours = (0.229, 0.224, 0.225)
    order: str = "RGB"
    eps: float = 1e-5
    ceil: bool = False


HABITS = {
    "torch": Habits("3x3"),  # v1.5
    "gluon": Habits("1x1"),
    "deeplab_v2": Habits("1x1", (122.675 / 255, 116.669 / 255, 104.008 / 255), (1 / 255,) * 3, "BGR", ceil=True),
}
"""By `Network.kind`."""


def settings(network: Network, habits: Habits) -> dict:
    """The settings by section, as in a YAML file."""
    net = {
        "depth": network.depth,
        "width": network.width,
        "stride_on_3x3": habits.stride == "3x3",
        "pool_pad": 1,
        "bn_eps": habits.eps,
        **({"pool_ceil": True} if habits.ceil else {}),
    }
    values = pixels(habits)
    return {**values, "net": {**net, **values["net"]}}


def pixels(habits: Habits) -> dict:
    """The same of the pictures alone."""
    means, stds = ([round(255 * each, 4) for each in reversed(three)] for three in (habits.mean, habits.std))
    return {"network": {"PIXEL_MEANS": means}, "net": {"pixel_stds": stds, "pixel_order": habits.order}}


def write(path: str | Path, source: Source, values: dict) -> None:
    """Writes the settings beside the .params, with where they come from; training compares its own with them."""
    head = (
        f"# Belongs to {Path(path).with_suffix('.params').name}, converted from {source.path.name},\n"
        f"# SHA-256 {source.sha256}.\n"
        "# Training with network.pretrained refuses a configuration that says otherwise.\n"
    )
    write_text(path, head + yaml.safe_dump(values, sort_keys=False, default_flow_style=None))


def numbers(text: str, what: str) -> Colours:
    """'0.485,0.456,0.406' as three numbers in 0..1. Raises ConvertError."""
    try:
        values = tuple(float(each) for each in text.split(","))
    except ValueError:
        values = ()
    if len(values) != 3 or not all(0 <= each <= 1 for each in values):  # NaN, too; 0..255 is another habit
        raise ConvertError(f"{what}: expected red,green,blue in 0..1 such as 0.485,0.456,0.406, got {text!r}")
    return values
