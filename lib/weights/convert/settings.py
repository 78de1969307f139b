# SPDX-License-Identifier: Apache-2.0
"""What a configuration must say so that converted weights see the pictures and the strides they were trained with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import yaml

from lib.run.atomic import write_text
from lib.weights.convert.resnet import Network
from lib.weights.convert.sources import ConvertError, Source

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # red, green, blue in 0..1
STRIDE = {"torch": "3x3", "gluon": "1x1"}
"""Where the stride of a bottleneck is: torchvision and timm have it on the 3x3 (v1.5), Gluon's v1 on the first 1x1."""


def settings(source: Source, network: Network, stride: str, mean, std, order: str, eps: float) -> dict:
    """The settings by section, as in a YAML file.

    stride: '1x1', '3x3' or '' for the framework's own. mean, std: (red, green, blue) in 0..1. order: 'RGB' or 'BGR',
    the channels that conv1 expects. eps: of batch norm.
    """
    net = {
        "depth": network.depth,
        "width": network.width,
        "stride_on_3x3": (stride or STRIDE[source.framework]) == "3x3",
        "pool_pad": 1,
        "bn_eps": eps,
    }
    values = pixels(mean, std, order)
    return {**values, "net": {**net, **values["net"]}}


def pixels(mean, std, order: str) -> dict:
    """The same of the pictures alone."""
    means, stds = ([round(255 * each, 4) for each in reversed(three)] for three in (mean, std))
    return {"network": {"PIXEL_MEANS": means}, "net": {"pixel_stds": stds, "pixel_order": order}}


def write(path: str | Path, source: Source, values: dict) -> None:
    """Writes the settings beside the .params, with where they come from; training compares its own with them."""
    head = (
        f"# Belongs to {Path(path).with_suffix('.params').name}, converted from {source.path.name},\n"
        f"# SHA-256 {source.sha256}.\n"
        "# Training with network.pretrained refuses a configuration that says otherwise.\n"
    )
    write_text(path, head + yaml.safe_dump(values, sort_keys=False, default_flow_style=None))


def numbers(text: str, what: str) -> tuple[float, float, float]:
    """'0.485,0.456,0.406' as three finite numbers. Raises ConvertError."""
    try:
        values = tuple(float(each) for each in text.split(","))
    except ValueError:
        values = ()
    if len(values) != 3 or not np.isfinite(values).all():
        raise ConvertError(f"{what}: expected red,green,blue such as 0.485,0.456,0.406, got {text!r}")
    return values
