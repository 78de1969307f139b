# SPDX-License-Identifier: Apache-2.0
"""The network of a configuration: the text that names its torch module, and which of its layers learn where to look."""

from __future__ import annotations

from lib.run.module_text import ModuleText
from tracking.modules import NETWORKS


def network_text(cfg) -> str:
    """The text of the network, see `lib.run.module_text`; it is the same for training and testing."""
    net, network = cfg.net, NETWORKS[cfg.symbol]
    settings = {
        "depth": network.depth(net),
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
    looking = [each.data for each in network.looking(net)]
    return ModuleText("lib.modules.siamese_tracker:SiameseTracker", settings, looking).text
