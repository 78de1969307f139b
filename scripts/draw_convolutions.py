# SPDX-License-Identifier: Apache-2.0
"""Draws where the convolutions and the shift look, and what the boundary rules read: docs/images/convolutions.png.

python scripts/draw_convolutions.py        needs matplotlib (the extra deeplab)
"""

from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from operators.core.reference_bilinear import BOUNDARIES, sampling

OUT = Path(__file__).resolve().parent.parent / "docs" / "images" / "convolutions.png"
HEIGHT, WIDTH = 8, 11
TAPS = np.stack(np.meshgrid([-1, 0, 1], [-1, 0, 1], indexing="ij"), -1).reshape(9, 2)  # (y, x), row-major
CENTRES = ((2, 2), (5, 7))
COLORS = ("#4c78a8", "#d1495b")


def frame(axes, title: str):
    axes.set(
        xlim=(-0.5, WIDTH - 0.5), ylim=(HEIGHT - 0.5, -0.5), xticks=range(WIDTH), yticks=range(HEIGHT), title=title
    )
    axes.set_xticks(np.arange(-0.5, WIDTH), minor=True)
    axes.set_yticks(np.arange(-0.5, HEIGHT), minor=True)
    axes.grid(which="minor", color="0.85")
    axes.tick_params(which="both", length=0)
    axes.set_aspect("equal")


def taps(axes, centre, offsets, color, sizes=None):
    """Rings where the regular grid stands, dots where the taps do."""
    grid = TAPS + centre
    moved = grid + offsets
    axes.scatter(grid[:, 1], grid[:, 0], s=30, facecolors="none", edgecolors="0.5", linewidths=1)
    for start, end in zip(grid, moved):
        axes.plot([start[1], end[1]], [start[0], end[0]], color=color, linewidth=1)
    axes.scatter(moved[:, 1], moved[:, 0], s=36 if sizes is None else sizes, color=color, zorder=3)
    axes.add_patch(plt.Rectangle((centre[1] - 0.5, centre[0] - 0.5), 1, 1, fill=False, edgecolor=color, linewidth=2))


def active(axes):
    frame(axes, "ActiveConvolution: one set of offsets,\nthe same at every position")
    offsets = np.random.RandomState(4).uniform(-0.9, 0.9, (9, 2))
    for centre, color in zip(CENTRES, COLORS):
        taps(axes, centre, offsets, color)


def deformable(axes):
    frame(axes, "DeformableConvolution: offsets of their own\nat every position (dot size: a mask)")
    random = np.random.RandomState(2)
    for centre, color in zip(CENTRES, COLORS):
        taps(axes, centre, random.uniform(-0.9, 0.9, (9, 2)), color, sizes=random.uniform(8, 90, 9))


def shift(axes):
    frame(axes, "Shift: every channel is read at one\ndisplacement of its own")
    for channel, (dy, dx) in enumerate(((-1.3, 0.6), (0.4, -1.7), (1.6, 1.1))):
        color = plt.cm.tab10(channel)
        for y, x in ((2, 3), (5, 7)):
            axes.annotate("", (x, y), (x + dx, y + dy), arrowprops={"arrowstyle": "->", "color": color})
            axes.plot(x + dx, y + dy, "o", color=color, label=f"channel {channel}" if y == 2 else None)
    axes.legend(loc="lower left", fontsize=8)


def boundaries(axes):
    """A row of 4 pixels, read along a line through it."""
    values, x = np.array([1.0, 3.0, 2.0, 4.0]), np.linspace(-2, 5, 1401)
    for rule, style in zip(BOUNDARIES, ("-", "--", ":")):
        matrix, _, _ = sampling(np.zeros_like(x), x, 1, len(values), rule)
        axes.plot(x, matrix @ values, style, linewidth=2.2 if rule == "zero" else 1.6, label=rule)
    axes.plot(range(len(values)), values, "ko")
    axes.set(title="What a point reads beyond a row of 4 pixels,\nby boundary rule", xlabel="x", ylim=(-0.2, 4.6))
    axes.legend(fontsize=8, loc="upper left")


def main():
    figure, axes = plt.subplots(2, 2, figsize=(9, 7.2), constrained_layout=True)
    for draw, place in zip((active, deformable, shift, boundaries), axes.ravel()):
        draw(place)
    figure.savefig(OUT, dpi=80, metadata={"Software": None})
    print(OUT.relative_to(OUT.parents[2]))


if __name__ == "__main__":
    main()
