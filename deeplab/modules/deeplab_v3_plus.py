# SPDX-License-Identifier: Apache-2.0
"""DeepLabv3+ as a text that the PyTorch engine builds it from, and what training does with its parameters."""

from __future__ import annotations

from lib.looking.modules import Entry
from lib.run.module_text import ModuleText
from lib.run.rules import Row


def text(cfg) -> str:
    """cfg: reads `net` and dataset.NUM_CLASSES."""
    net = cfg.net
    looking = [Entry(**each).data for each in net.v3plus.looking(net)]
    settings = net.v3plus.settings(net, cfg.dataset.NUM_CLASSES)
    return ModuleText("lib.modules.deeplab_v3_plus:DeepLabV3Plus", settings, looking).text


def table(cfg) -> tuple[Row, ...]:
    """The backbone learns at once the rate, the rest at net.aspp_lr_mult times; all decays (jfzhang95's code)."""
    offsets = "msra_out" if cfg.net.v3plus.offset_start == "original" else "zeros"
    normal = [(r"(.*\.)?(bn\d?|downsample\.1|global_avg_pool\.2|last_conv\.[15])\." + end, start)
              for end, start in (("(weight|running_var)", "ones"), ("(bias|running_mean)", "zeros"))]  # fmt: skip
    head = [*normal, (r".*\.weight", "msra"), (r"last_conv\.8\.bias", "zeros")]
    return (
        Row(r".*", cfg.net.offset_lr_mult, offsets, steers="deformable", wd_mult=1.0),
        Row(r"backbone\..*\.extra\.weight", 1.0, "msra_out", wd_mult=1.0),
        *(
            Row(rf"backbone\.{name}", 1.0, init, True, wd_mult=1.0)
            for name, init in [*normal, (r".*\.weight", "msra_out")]
        ),
        *(Row(rf"(aspp|decoder)\.{name}", cfg.net.aspp_lr_mult, init, wd_mult=1.0) for name, init in head),
    )
