# SPDX-License-Identifier: Apache-2.0
"""Offsets that are one set for all positions: as tables in the report's form, and as taps over the regular grid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import BytesIO

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from lib.looking.places import centred_grid
from lib.pictures.gif import gif
from lib.pictures.style import GREY, PAPER, colour, open_spines

MOST_SETS = 8  # as many as there are colours
PAUSE = 500  # milliseconds that a film shows one epoch


def table(offset: np.ndarray) -> str:
    """The text of one set of offsets, (kernel y, kernel x, 2) as (y, x), in the report's form."""
    return "\n".join(" ".join(f"({y:6.2f}, {x:6.2f})" for y, x in row) for row in offset)


def tables(offsets: Mapping[str, np.ndarray]) -> str:
    """The report's listing of several layers, each (filter groups, channel groups, kernel y, kernel x, 2)."""
    lines = []
    for name, offset in offsets.items():
        sets = offset.reshape(-1, *offset.shape[-3:])
        for number, one in enumerate(sets):
            lines += [f"{name}_offset" + (f"[{number}]" if len(sets) > 1 else ""), table(one)]
    return "\n".join(lines)


def moved(offset: np.ndarray, dilate: int) -> tuple[np.ndarray, np.ndarray]:
    """Where the taps stand about the middle of the kernel, in input pixels: the regular grid (taps, 2), and each set's
    moved ones, (..., taps, 2). offset: (..., kernel y, kernel x, 2)."""
    grid = centred_grid(offset.shape[-3:-1], (dilate, dilate))
    return grid.reshape(-1, 2), (grid + offset).reshape(*offset.shape[:-3], -1, 2)


def reach(offsets: Sequence[np.ndarray], dilate: int) -> float:
    """Half the width of a square about the middle that holds every tap of all these layers, with a margin."""
    return max(float(np.abs(moved(each, dilate)[1]).max()) for each in offsets) * 1.06 + 0.5


def path_lengths(stack: np.ndarray) -> np.ndarray:
    """How far each tap has come from the grid after each epoch: (epochs, kernel y, kernel x, 2) -> (epochs, taps)."""
    return np.hypot(stack[..., 0], stack[..., 1]).reshape(len(stack), -1)


def draw_taps(axis, name: str, offset: np.ndarray, dilate: int, half: float, title: str = "") -> None:
    """The regular grid as rings, where each tap looks now as dots.

    offset: (filter groups, channel groups, kernel y, kernel x, 2). half: of the panel's width in input pixels, the same
    for panels that are compared. title: instead of how far the taps have moved.
    """
    grid, places = moved(offset.reshape(-1, *offset.shape[-3:])[:MOST_SETS], dilate)
    _paper(axis, half)
    axis.scatter(grid[:, 1], grid[:, 0], s=70, facecolor="none", edgecolor=GREY, linewidth=1.3, zorder=2)
    for number, each in enumerate(places):
        arrow = {"angles": "xy", "scale_units": "xy", "scale": 1, "width": 0.008}
        dy, dx = (each - grid).T
        axis.quiver(grid[:, 1], grid[:, 0], dx, dy, color=colour(number), alpha=0.6, zorder=3, **arrow)
        axis.scatter(each[:, 1], each[:, 0], s=26, color=colour(number), zorder=4)
    length = np.hypot(offset[..., 0], offset[..., 1])
    told = title or f"moved {length.mean():.2f} px on average, {length.max():.2f} at most"
    axis.set_title(f"{name}\n{told}", fontsize=9)


def draw_trails(axis, name: str, stack: np.ndarray, dilate: int, half: float) -> list:
    """The taps of one set over the epochs: the way of each, and where it stands at the end.

    stack: (epochs, kernel y, kernel x, 2). Gives the artists (lines, dots) that `animation` moves.
    """
    grid, places = moved(stack, dilate)
    _paper(axis, half)
    axis.scatter(grid[:, 1], grid[:, 0], s=70, facecolor="none", edgecolor=GREY, linewidth=1.3, zorder=2)
    lines = [
        axis.plot(places[:, tap, 1], places[:, tap, 0], "-", color=colour(0), alpha=0.45, linewidth=1.6, zorder=3)[0]
        for tap in range(len(grid))
    ]
    dots = axis.scatter(places[-1, :, 1], places[-1, :, 0], s=34, color=colour(0), edgecolor="white", zorder=4)
    for number, (y, x) in enumerate(grid):
        axis.annotate(str(number), (x, y), (5, 5), textcoords="offset points", fontsize=7, color="0.4", zorder=5)
    axis.set_title(name, fontsize=9)
    return [lines, dots]


def draw_lengths(axis, epochs: Sequence[int], stack: np.ndarray) -> None:
    """How far each tap has come, over the epochs; at the end of each line the tap's number, row-major."""
    lengths = path_lengths(stack)
    apart = 0.045 * max(lengths.max(), 1e-9)
    heights = lengths[-1].copy()
    order = np.argsort(heights)
    for low, high in zip(order, order[1:]):  # labels must not lie on each other
        heights[high] = max(heights[high], heights[low] + apart)
    for tap, line in enumerate(lengths.T):
        axis.plot(epochs, line, marker="o", markersize=3, color=colour(tap % 8), linestyle="-" if tap < 8 else "--")
        axis.annotate(f"  {tap}", (epochs[-1], heights[tap]), color=colour(tap % 8), fontsize=8, va="center")
    axis.set_title("how far each tap has come", fontsize=9)
    axis.set_xlabel("epoch", fontsize=9)
    axis.set_ylabel("px of the layer's input", fontsize=9)
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    open_spines(axis)


def animation(
    epochs: Sequence[int], stacks: Mapping[str, np.ndarray], dilate: int | Mapping[str, int], size: float = 3.0
) -> bytes:
    """A GIF of the taps walking: one panel per layer, one picture per epoch, the last one held.

    stacks: {layer: (epochs, filter groups, channel groups, kernel y, kernel x, 2)}; of several sets the first is shown.
    dilate: of all layers, or {layer: its own}.
    """
    own = [dilate[name] if isinstance(dilate, Mapping) else dilate for name in stacks]
    figure = Figure(figsize=(size * len(stacks), size + 0.5), dpi=80, layout="constrained")
    axes = figure.subplots(1, len(stacks), squeeze=False)[0]
    half = max(reach([stack], each) for stack, each in zip(stacks.values(), own))
    firsts = [stack[:, 0, 0] for stack in stacks.values()]
    artists = [draw_trails(axis, name, one, each, half) for axis, name, one, each in zip(axes, stacks, firsts, own)]
    title = figure.suptitle("", fontsize=11)
    ways = [moved(one, each)[1] for one, each in zip(firsts, own)]

    def show(frame: int):
        title.set_text(f"epoch {epochs[frame]} of {epochs[-1]}")
        for (lines, dots), way in zip(artists, ways):
            for tap, line in enumerate(lines):
                line.set_data(way[: frame + 1, tap, 1], way[: frame + 1, tap, 0])
            dots.set_offsets(way[frame][:, ::-1])

    title.set_text(f"epoch {epochs[-1]}")
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # laid out once, not for every picture
    frames = []
    for frame in range(len(epochs)):
        show(frame)
        frames.append(_rendered(figure))
    return gif(frames, PAUSE, hold=4)


def draw_key(axis, dilate: int, stride: int) -> None:
    """How to read `draw_taps`. stride: image pixels per pixel of these layers."""
    axis.axis("off")
    axis.set_xlim(0, 1)
    axis.set_ylim(0, 1)
    axis.scatter([0.06], [0.86], s=70, facecolor="none", edgecolor=GREY, linewidth=1.3)
    axis.scatter([0.06], [0.62], s=26, color=colour(0))
    texts = [
        f"where an ordinary 3x3 convolution\n(dilation {dilate}) looks",
        "where this layer has learned to look;\nthe middle of a panel is the output pixel",
        f"1 px here is a pixel of the layer's input,\n{stride} pixels of the image",
    ]
    for y, text in zip((0.86, 0.62, 0.38), texts):
        axis.text(0.14, y, text, fontsize=9, va="center")


def _paper(axis, half: float) -> None:
    """A square grid of pixels about the middle; y grows downwards, as in pictures."""
    axis.set_facecolor(PAPER)
    for side in (axis.xaxis, axis.yaxis):
        side.set_major_locator(MaxNLocator(nbins=9, integer=True))
    axis.grid(color="0.9", linewidth=0.6)
    axis.set_axisbelow(True)
    axis.set_xlim(-half, half)
    axis.set_ylim(half, -half)
    axis.set_aspect("equal")
    axis.tick_params(labelsize=8)


def _rendered(figure):
    """The figure as a PIL image of 32 colours."""
    from PIL import Image

    out = BytesIO()
    figure.savefig(out, format="png", dpi=figure.dpi)
    with Image.open(out) as drawn:
        return drawn.convert("RGB").quantize(32)
