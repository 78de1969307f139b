# SPDX-License-Identifier: Apache-2.0
"""The panels of summary.png, each drawn into a Matplotlib axis that it is given."""

from __future__ import annotations

import numpy as np
from matplotlib.patches import Patch

LEARNED, ZERO, GREY = "#1f5fa8", "#d9822b", "#8a8f98"
GROUP_COLOURS = ("#1f5fa8", "#d9822b", "#2f8f4e", "#a8323e", "#7a4fa3", "#8c6d31", "#c4559d", "#3aa0a8")


def picture(axis, image: np.ndarray, title: str) -> None:
    """One picture without axes."""
    axis.imshow(image, interpolation="nearest")
    axis.set_title(title, fontsize=10)
    axis.set_xticks([])
    axis.set_yticks([])


def class_legend(figure, classes, names, palette) -> None:
    """The colours of the classes that the pictures show, below them."""
    patches = [Patch(facecolor=palette[k] / 255, edgecolor="0.4", linewidth=0.5, label=names[k]) for k in classes]
    patches.append(Patch(facecolor="black", label="(does not count)"))
    columns = -(-len(patches) // 2) if len(patches) > 10 else len(patches)
    figure.legend(handles=patches, loc="outside lower center", ncol=columns, fontsize=9, frameon=False)


def offsets(axis, name: str, offset: np.ndarray, dilate: int, reach: float) -> None:
    """The taps of one active convolution: the regular grid as rings, where each tap looks now as dots.

    offset: (filter groups, channel groups, kh, kw, 2), (y, x) in pixels of the layer's input.
    reach: half the width of the panel in pixels, the same for all layers so that they can be compared.
    """
    rows, columns = offset.shape[2:4]
    y, x = np.meshgrid(np.arange(rows) - (rows - 1) / 2, np.arange(columns) - (columns - 1) / 2, indexing="ij")
    y, x = y * dilate, x * dilate
    ticks = np.arange(-np.floor(reach), reach + 0.1)
    axis.set_facecolor("#fafafa")
    axis.set_xticks(ticks)
    axis.set_yticks(ticks)
    axis.grid(color="0.9", linewidth=0.6)
    axis.set_axisbelow(True)
    axis.scatter(x, y, s=70, facecolor="none", edgecolor=GREY, linewidth=1.3, zorder=2)
    for index, group in enumerate(offset.reshape(-1, rows, columns, 2)):
        colour = GROUP_COLOURS[index % len(GROUP_COLOURS)]
        dy, dx = group[..., 0], group[..., 1]
        arrow = {"angles": "xy", "scale_units": "xy", "scale": 1, "width": 0.008}
        axis.quiver(x, y, dx, dy, color=colour, alpha=0.6, zorder=3, **arrow)
        axis.scatter(x + dx, y + dy, s=26, color=colour, zorder=4)
    axis.set_xlim(-reach, reach)
    axis.set_ylim(reach, -reach)  # y grows downwards, as in pictures
    axis.set_aspect("equal")
    axis.tick_params(labelsize=8)
    length = np.hypot(offset[..., 0], offset[..., 1])
    axis.set_title(f"{name}\nmoved {length.mean():.2f} px on average, {length.max():.2f} at most", fontsize=9)


def sampling(axis, image: np.ndarray, pixel: tuple[int, int], offset: np.ndarray, dilate: int, stride: int) -> None:
    """Where one layer looks from one pixel of a picture: rings for the regular grid, dots for the learned places.

    pixel: (y, x) in the image. stride: image pixels per pixel of the layer's input. One ResNet stem is between them:
    its unpadded pooling puts the centre of feature pixel i at image pixel stride * i + 2.
    """
    rows, columns = offset.shape[2:4]
    grid = np.stack(
        np.meshgrid(np.arange(rows) - (rows - 1) / 2, np.arange(columns) - (columns - 1) / 2, indexing="ij")
    )
    centre = np.array([(place - 2) // stride * stride + 2 for place in pixel])[:, None, None]
    picture(axis, image, "from one pixel (star) of a picture the layer looks here")
    y, x = centre + stride * dilate * grid
    axis.scatter(x, y, s=46, facecolor="none", edgecolor="white", linewidth=1.4)
    for index, group in enumerate(offset.reshape(-1, rows, columns, 2)):
        to_y, to_x = y + stride * group[..., 0], x + stride * group[..., 1]
        colour = GROUP_COLOURS[index % len(GROUP_COLOURS)]
        axis.plot([x.ravel(), to_x.ravel()], [y.ravel(), to_y.ravel()], color=colour, linewidth=1.0, alpha=0.8)
        axis.scatter(to_x, to_y, s=34, color=colour, edgecolor="white", linewidth=0.8, zorder=3)
    axis.scatter(pixel[1], pixel[0], s=110, color="#ffd23f", marker="*", edgecolor="black", linewidth=0.6, zorder=4)
    axis.set_xlim(-0.5, image.shape[1] - 0.5)
    axis.set_ylim(image.shape[0] - 0.5, -0.5)


def middle_of(mask: np.ndarray, reach: int) -> tuple[int, int]:
    """The pixel (y, x) of a mask with the most of it within `reach` pixels: about the middle of its largest part."""
    padded = np.pad(mask.astype(np.int64), reach + 1)
    sums = padded.cumsum(0).cumsum(1)
    size = 2 * reach + 1
    near = sums[size:, size:] - sums[:-size, size:] - sums[size:, :-size] + sums[:-size, :-size]
    near = near[: mask.shape[0], : mask.shape[1]] * mask
    return tuple(int(place) for place in np.unravel_index(near.argmax(), near.shape))


def offset_key(axis, dilate: int, stride: int) -> None:
    """How to read the panels of `offsets`. stride: image pixels per pixel of these layers."""
    axis.set_xlim(0, 1)
    axis.set_ylim(0, 1)
    axis.scatter([0.06], [0.86], s=70, facecolor="none", edgecolor=GREY, linewidth=1.3)
    axis.scatter([0.06], [0.62], s=26, color=LEARNED)
    texts = [
        f"where an ordinary 3x3 convolution\n(dilation {dilate}) looks",
        "where this layer has learned to look;\nthe middle of a panel is the output pixel",
        f"1 px here is a pixel of the layer's input,\n{stride} pixels of the image",
    ]
    for y, text in zip((0.86, 0.62, 0.38), texts):
        axis.text(0.14, y, text, fontsize=9, va="center")


def loss_curve(axis, updates: list[dict], epochs: list[dict]) -> None:
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
    axis.set_title("Training loss (cross entropy per pixel)", fontsize=10)
    axis.tick_params(labelsize=8)
    axis.legend(fontsize=8, frameon=False, loc="upper right")
    axis.spines[["top", "right"]].set_visible(False)


def class_bars(axis, results: dict, zero: dict | None) -> None:
    """IoU of each class that occurs, with the learned offsets and, if there are any, with offsets 0."""
    confusion = np.array(results["confusion"])
    present = [index for index in range(len(confusion)) if confusion[index].any()]
    names = [list(results["IU"])[index] for index in present]
    place = np.arange(len(names))
    bars = [(results, LEARNED, "learned offsets")] + ([(zero, ZERO, "offsets set to 0")] if zero else [])
    height = 0.8 / len(bars)
    for number, (each, colour, label) in enumerate(bars):
        middle = place + (number - (len(bars) - 1) / 2) * height
        axis.barh(middle, [each["IU"][name] for name in names], height, color=colour, label=label)
    if zero:
        axis.legend(fontsize=8, frameon=False, loc="lower right")
    axis.set_yticks(place, names, fontsize=8)
    axis.invert_yaxis()
    axis.set_xlim(0, 1)
    axis.tick_params(axis="x", labelsize=8)
    axis.set_title("IoU per class that occurs in the test images", fontsize=10)
    axis.spines[["top", "right"]].set_visible(False)
