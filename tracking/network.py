# SPDX-License-Identifier: Apache-2.0
"""The network of a configuration: the text that names its torch module, and which of its layers learn where to look."""

from __future__ import annotations

from lib.looking.modules import Entry
from lib.run.module_text import ModuleText
from tracking.anchors import STRIDE

BLOCKS = {10: 1, 18: 2, 34: 3, 50: 3, 101: 3}
"""Of the last stage of a ResNet of that depth."""
ALEXNET = {"features.8": 27.0, "features.10": 35.0}
"""Of AlexNet's last two convolutions: where in the picture the first pixel that they read has its middle."""


def network_text(cfg) -> str:
    """The text of the network, see `lib.run.module_text`; it is the same for training and testing."""
    net = cfg.net
    settings = {
        "depth": net.depth if cfg.symbol == "siamese_resnet" else 0,
        "width": net.width,
        "deform": net.deform,
        "boundary": net.boundary or "inside",
        "crop": net.crop,
        "dilate": net.dilate_stages,
        "anchors": len(net.anchor_ratios),
        "channels": net.channels,
        "unused": net.unused,
        "response": net.response,
        "batch": net.anchors_counted,
        "positives": net.anchors_positive,
        "box_weight": net.box_weight,
    }
    return ModuleText(
        "lib.modules.siamese_tracker:SiameseTracker", settings, [each.data for each in _looking(cfg)]
    ).text


def _looking(cfg) -> list[Entry]:
    net, boundary = cfg.net, cfg.net.boundary or "inside"
    if net.deform not in ("existing", "extra"):
        return []
    if cfg.symbol == "siamese_alexnet":
        return [Entry(name, STRIDE, origin, pad=(0, 0), boundary=boundary, offset_bias=True)
                for name, origin in ALEXNET.items()]  # fmt: skip
    far = 4 if net.dilate_stages and net.deform == "existing" else 1
    which = "conv2" if net.deform == "existing" else "extra"
    return [Entry(f"features.resnet.layer4.{block}.{which}", STRIDE, dilate=(far, far), pad=(far, far),
                  boundary=boundary) for block in range(BLOCKS[net.depth])]  # fmt: skip
