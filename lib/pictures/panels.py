# SPDX-License-Identifier: Apache-2.0
"""The panels of summary.png about classes and losses, each drawn into a Matplotlib axis that it is given."""

from __future__ import annotations

import numpy as np
from matplotlib.patches import Patch

from lib.pictures.style import GREY, LEARNED, ZERO, open_spines


def class_legend(figure, classes, names, palette) -> None:
    """The colours of the classes that the pictures show, below them."""
    patches = [Patch(facecolor=palette[k] / 255, edgecolor="0.4", linewidth=0.5, label=names[k]) for k in classes]
    patches.append(Patch(facecolor="black", label="(does not count)"))
    columns = -(-len(patches) // 2) if len(patches) > 10 else len(patches)
    figure.legend(handles=patches, loc="outside lower center", ncol=columns, fontsize=9, frameon=False)


def middle_of(mask: np.ndarray, reach: int) -> tuple[int, int]:
    """The pixel (y, x) of a mask with the most of it within `reach` pixels: about the middle of its largest part."""
    padded = np.pad(mask.astype(np.int64), reach + 1)
    sums = padded.cumsum(0).cumsum(1)
    size = 2 * reach + 1
    near = sums[size:, size:] - sums[:-size, size:] - sums[size:, :-size] + sums[:-size, :-size]
    near = near[: mask.shape[0], : mask.shape[1]] * mask
    return tuple(int(place) for place in np.unravel_index(near.argmax(), near.shape))


def loss_curve(axis, updates: list[dict], epochs: list[dict], of: str = "cross entropy per pixel") -> None:
    """Loss of every update, its mean per epoch, and a mark where the learning rate changes."""
    number = [each["update"] for each in updates]
    axis.plot(number, [each["loss"] for each in updates], color=LEARNED, alpha=0.3, linewidth=0.8, label="each update")
    ends = [each["update"] for each in epochs]
    middles = [(begin + end) / 2 for begin, end in zip([number[0] - 1, *ends], ends)] if ends else []
    axis.plot(middles, [each["loss"] for each in epochs], color=LEARNED, marker="o", markersize=3.5, linewidth=1.5,
              label="mean of the epoch")  # fmt: skip
    for before, after in zip(updates, updates[1:]):
        if after["lr"] != before["lr"]:
            axis.axvline(after["update"], color=GREY, linewidth=0.8, linestyle=":")
            axis.text(after["update"], 0.03, f" rate {after['lr']:g}", transform=axis.get_xaxis_transform(), fontsize=8,
                      rotation=90, va="bottom", ha="right", color="0.35")  # fmt: skip
    axis.set_ylim(bottom=0)
    axis.set_xlim(left=0)
    axis.set_xlabel("update", fontsize=9)
    axis.set_title(f"Training loss ({of})", fontsize=10)
    axis.legend(fontsize=8, frameon=False, loc="upper right")
    open_spines(axis)


def class_bars(axis, results: dict, zero: dict | None, names: list[str], title: str) -> None:
    """The `parts` of these names of an evaluation, with the learned offsets and, if there are any, with offsets 0."""
    place = np.arange(len(names))
    bars = [(results, LEARNED, "learned offsets")] + ([(zero, ZERO, "offsets set to 0")] if zero else [])
    height = 0.8 / len(bars)
    for number, (each, colour, label) in enumerate(bars):
        middle = place + (number - (len(bars) - 1) / 2) * height
        axis.barh(middle, [each["parts"][name] for name in names], height, color=colour, label=label)
    if zero:
        axis.legend(fontsize=8, frameon=False, loc="lower right")
    axis.set_yticks(place, names, fontsize=8)
    axis.invert_yaxis()
    axis.set_xlim(0, 1)
    axis.set_title(title, fontsize=10)
    open_spines(axis)
