# SPDX-License-Identifier: Apache-2.0
"""Settings of DeepLabv3+ (`net.v3plus`), and what they come to as plain data: what the module is called with
(lib/modules/deeplab_v3_plus.py), and where its deformable convolutions stand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

NAME = "deeplab_v3_plus"
FORMS, STARTS = ("", "extra", "existing", "plain"), ("zeros", "original")
BLOCKS = {10: 1, 18: 2, 34: 3, 50: 3, 101: 3}
"""Blocks of the last stage, by depth."""
READ = {"v3plus", "depth", "width", "output_stride", "head_channels", "aspp_rates", "aspp_lr_mult", "offset_lr_mult",
        "boundary", "train_bn", "pixel_stds", "pixel_order"}  # fmt: skip


@dataclass
class V3Plus:
    # What the last stage does, see lib/modules/deforming.py: '' nothing new, extra: a deformable convolution more in
    # every block (the slides), plain: an ordinary one in those places, existing: the 3x3 ones that are there deform.
    deform: str = ""
    offset_start: str = "zeros"  # of what makes offsets; original: as every convolution, as in the slides' code
    multi_grid: list[int] = field(default_factory=lambda: [1, 2, 4])  # factors on the last stage's dilations, by block
    batch_average: bool = (
        False  # the loss, a mean already, is divided by the pictures of a batch, as in jfzhang95's code
    )

    def settings(self, net, num_classes: int) -> dict:
        """net: cfg.net."""
        backbone = {"width": net.width, "deform": self.deform, "offset_start": self.offset_start,
                    "boundary": net.boundary or "inside"}  # fmt: skip
        return {
            "num_classes": num_classes, "depth": net.depth, "output_stride": net.output_stride,
            "multi_grid": self.multi_grid, "backbone": backbone, "dilations": [1, *net.aspp_rates],
            "channels": net.head_channels, "train_bn": net.train_bn, "batch_average": self.batch_average,
        }  # fmt: skip

    def looking(self, net) -> list[dict]:
        """Of each deformable convolution what `lib.looking.modules.Entry` has. All windows of the network are padded
        by half of themselves: pixel (0, 0) of every map has its centre at that of the picture's."""
        if self.deform not in ("extra", "existing"):
            return []
        own, found = "extra" if self.deform == "extra" else "conv2", []
        for place, factor in zip(range(BLOCKS[net.depth]), [*self.multi_grid, 1, 1, 1]):
            dilate = 1 if own == "extra" else 32 // net.output_stride * factor
            halves = own == "conv2" and net.output_stride == 32 and not place and net.depth >= 50
            found.append({"name": f"backbone.layer4.{place}.{own}", "scale": 16 if halves else net.output_stride,
                          "stride": (1 + halves,) * 2, "dilate": (dilate,) * 2, "pad": (dilate,) * 2,
                          "boundary": net.boundary or "inside"})  # fmt: skip
        return found


def unfit_v3_plus(cfg) -> Iterator[str]:
    """What is wrong with the settings of this network; nothing of the others'."""
    if cfg.symbol != NAME:
        if cfg.TEST.each_epoch:
            yield f"TEST.each_epoch: only {NAME} is tested after every epoch, expected False, got True"
        return
    if cfg.engine != "torch":
        yield f"engine: {NAME} is a torch module, which PyTorch alone runs, expected torch, got {cfg.engine}"
    if not cfg.net.v3plus.multi_grid or min(cfg.net.v3plus.multi_grid) < 1:
        yield f"net.v3plus.multi_grid: expected factors from 1 on, such as [1, 2, 4], got {cfg.net.v3plus.multi_grid}"
    for name, section in (("net", cfg.net), ("faults", cfg.faults)):
        for key, default in vars(type(section)()).items():
            if key not in READ and getattr(section, key) != default:
                yield f"{name}.{key}: {NAME} has nothing of the kind, expected {default}, got {getattr(section, key)}"
    if cfg.network.FIXED_PARAMS:
        yield f"network.FIXED_PARAMS: holds other networks' names; expected [], got {cfg.network.FIXED_PARAMS}"
