# SPDX-License-Identifier: Apache-2.0
"""The panels of summary.png about classes and losses, each drawn into a Matplotlib axis that it is given."""

from __future__ import annotations

import numpy as np
from matplotlib.patches import Patch

from lib.data.labels import ignored
from lib.pictures.style import GREY, LEARNED, ZERO, open_spines

MARKED = 10  # changes of the rate that a curve can show


def class_legend(figure, classes, names, palette) -> None:
    """The colours of the classes that the pictures show, below them."""
    shown = [*((k, names[k]) for k in classes), (ignored(len(names)), "(does not count)")]
    patches = [Patch(facecolor=palette[k] / 255, edgecolor="0.4", linewidth=0.5, label=name) for k, name in shown]
    columns = -(-len(patches) // 2) if len(patches) > 10 else len(patches)
    figure.legend(handles=patches, loc="outside lower center", ncol=columns, fontsize=9, frameon=False)


def middle_of(mask: np.ndarray, reach: int) -> tuple[int, int]:
    """The pixel (y, x) of a mask with the most of it within `reach` pixels: about the middle of its largest part."""
    padded = np.pad(mask.astype(np.int64), reach + 1)
    sums = padded.cumsum(0).cumsum(1)
    size = 2 * reach + 1
    near = sums[size:, size:] - sums[:-size, size:] - sums[size:, :-size] + sums[:-size, :-size]
    near = near[: mask.shape[0], : mask.shape[1]] * mask
    y, x = np.unravel_index(near.argmax(), near.shape)
    return int(y), int(x)


def telling_class(truth: np.ndarray, results: dict, zero: dict | None) -> int:
    """Of the classes in a picture, that to which the offsets matter most; the most frequent one where nobody asked."""
    score = np.array(list(results["IU"].values()))
    present = [int(index) for index in np.unique(truth) if index < len(score)]
    if zero is None:
        return max(present, key=lambda index: (truth == index).sum())
    gain = score - np.array(list(zero["IU"].values()))
    return max(present, key=lambda index: gain[index])


def loss_curve(axis, updates: list[dict], epochs: list[dict], of: str = "cross entropy per pixel") -> None:
    """Loss of every update, its mean per epoch, and a mark where the learning rate changes; of epochs with `test`
    also what was measured then (`lib.run.held_out`)."""
    number = [each["update"] for each in updates]
    axis.plot(number, [each["loss"] for each in updates], color=LEARNED, alpha=0.3, linewidth=0.8, label="each update")
    ends = [each["update"] for each in epochs]
    middles = [(begin + end) / 2 for begin, end in zip([number[0] - 1, *ends], ends)] if ends else []
    axis.plot(middles, [each["loss"] for each in epochs], color=LEARNED, marker="o", markersize=3.5, linewidth=1.5,
              label="mean of the epoch")  # fmt: skip
    changes = [(before, after) for before, after in zip(updates, updates[1:]) if after["lr"] != before["lr"]]
    if len(changes) <= MARKED:  # else it falls all the time
        for _, after in changes:
            axis.axvline(after["update"], color=GREY, linewidth=0.8, linestyle=":")
            axis.text(after["update"], 0.03, f" rate {after['lr']:g}", transform=axis.get_xaxis_transform(), fontsize=8,
                      rotation=90, va="bottom", ha="right", color="0.35")  # fmt: skip
    tested = bool(epochs) and all("test" in each for each in epochs)
    if tested:
        held_out_curve(axis, ends, [each["test"] for each in epochs])
    axis.set_ylim(bottom=0)
    axis.set_xlim(left=0)
    axis.set_xlabel("update", fontsize=9)
    axis.set_title(f"Training loss ({of})", fontsize=10)
    # Where accuracy is drawn it nears the upper edge.
    axis.legend(fontsize=8, frameon=False, loc="center right" if tested else "upper right")
    open_spines(axis)


def held_out_curve(axis, ends: list[int], test: list[dict]) -> None:
    """Loss, and on the right accuracy where it was measured, of what is measured after every epoch."""
    axis.plot(ends, [each["loss"] for each in test], color=ZERO, marker="s", markersize=3.5, label="test pictures")
    if all("Accuracy" in each for each in test):
        right = axis.twinx()
        right.plot(ends, [each["Accuracy"] for each in test], color=GREY, linestyle="--", marker="^", markersize=3.5)
        right.set_ylim(0, 1)
        right.set_ylabel("accuracy on test pictures (dashed)", fontsize=8)
        right.tick_params(labelsize=8)


def class_bars(axis, results: dict, zero: dict | None, names: list[str], title: str) -> None:
    """The `parts` of these names of an evaluation, with the learned offsets and, if there are any, with offsets 0."""
    place = np.arange(len(names))
    bars = [(results, LEARNED, "learned offsets")] + ([(zero, ZERO, "offsets set to 0")] if zero else [])
    height = 0.8 / len(bars)
    for number, (each, colour, label) in enumerate(bars):
        middle = place + (number - (len(bars) - 1) / 2) * height
        axis.barh(middle, [each["parts"][name] for name in names], height, color=colour, label=label)
    if zero:  # below, where no bar is
        axis.legend(fontsize=8, frameon=False, ncol=2, loc="upper center", bbox_to_anchor=(0.5, -0.06))
    axis.set_yticks(place, names, fontsize=8)
    axis.invert_yaxis()
    axis.set_xlim(0, 1)
    axis.set_title(title, fontsize=10)
    open_spines(axis)
