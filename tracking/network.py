# SPDX-License-Identifier: Apache-2.0
"""The network of a configuration: the text that names its torch module, and which of its layers learn where to look."""

from __future__ import annotations

from lib.run.module_text import ModuleText
from tracking.modules import siamese_alexnet, siamese_resnet

FEATURES = {"siamese_alexnet": siamese_alexnet, "siamese_resnet": siamese_resnet}


def network_text(cfg) -> str:
    """The text of the network, see `lib.run.module_text`; it is the same for training and testing."""
    net, features = cfg.net, FEATURES[cfg.symbol]
    boundary = net.boundary or "inside"
    settings = {
        "depth": features.depth(net),
        "width": net.width,
        "deform": net.deform,
        "boundary": boundary,
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
    looking = [each.data for each in features.looking(net, boundary)]
    return ModuleText("lib.modules.siamese_tracker:SiameseTracker", settings, looking).text
