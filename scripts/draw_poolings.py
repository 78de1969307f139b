# SPDX-License-Identifier: Apache-2.0
"""Draws where the two poolings look, from the same geometry as their references: docs/images/poolings.png.

python scripts/draw_poolings.py        needs matplotlib (the extra deeplab)
"""

from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Rectangle

from operators.core.reference_roi import box_of, sample_starts, span

OUT = Path(__file__).resolve().parent.parent / "docs" / "images" / "poolings.png"
HEIGHT, WIDTH, POOLED, SAMPLES, TRANS_STD = 8, 11, 3, 4, 0.1
ROI = np.array([0.0, 17, 8, 65, 46])  # image, x1, y1, x2, y2 of the picture
SCALE = 0.125
COLORS = plt.cm.tab10(np.arange(POOLED * POOLED))


def frame(axes, title: str):
    axes.set(
        xlim=(-0.5, WIDTH - 0.5), ylim=(HEIGHT - 0.5, -0.5), xticks=range(WIDTH), yticks=range(HEIGHT), title=title
    )
    axes.set_xticks(np.arange(-0.5, WIDTH), minor=True)
    axes.set_yticks(np.arange(-0.5, HEIGHT), minor=True)
    axes.grid(which="minor", color="0.8")
    axes.tick_params(which="both", length=0)
    axes.set_aspect("equal")


def box(axes, y, x, height, width, **style):
    axes.add_patch(Rectangle((x, y), width, height, fill=False, **style))


def plain(axes):
    """A pixel covers [i, i + 1) here, and is drawn around i; hence the half."""
    frame(axes, "PSROIPooling: bin 5 is the mean of the\npixels it touches")
    roi = box_of(ROI, SCALE, 0, POOLED)
    for i, j in np.ndindex(POOLED, POOLED):
        y, x = roi.start[0] + i * roi.bin[0] - 0.5, roi.start[1] + j * roi.bin[1] - 0.5
        box(axes, y, x, *roi.bin, edgecolor=COLORS[i * POOLED + j], linewidth=2)
    (top, bottom), (left, right) = (span(roi.start[a], roi.bin[a], 1, (HEIGHT, WIDTH)[a]) for a in (0, 1))
    patch = Rectangle((left - 0.5, top - 0.5), right - left, bottom - top, color=COLORS[4], alpha=0.25, linewidth=0)
    axes.add_patch(patch)


def deformable(axes):
    frame(axes, "DeformablePSROIPooling: every bin moved by its\ntrans, 4 x 4 bilinear samples from its corner on")
    roi = box_of(ROI, SCALE, -0.5, POOLED)
    trans = np.random.RandomState(5).uniform(-1.8, 1.8, (POOLED, POOLED, 2))
    box(axes, *roi.start, *roi.size, edgecolor="0.4", linestyle="--")
    for i, j in np.ndindex(POOLED, POOLED):
        color = COLORS[i * POOLED + j]
        start = [sample_starts(roi, a, (i, j)[a], trans[i, j, a], TRANS_STD) for a in (0, 1)]
        box(axes, *start, *roi.bin, edgecolor=color)
        ys, xs = (start[a] + np.arange(SAMPLES) * roi.bin[a] / SAMPLES for a in (0, 1))
        inside = (np.abs(ys[:, None] - (HEIGHT - 1) / 2) <= HEIGHT / 2) & (np.abs(xs - (WIDTH - 1) / 2) <= WIDTH / 2)
        y, x = np.meshgrid(ys, xs, indexing="ij")
        axes.plot(x[inside], y[inside], ".", color=color, markersize=5)


def main():
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.9), constrained_layout=True)
    plain(left)
    deformable(right)
    figure.savefig(OUT, dpi=80, metadata={"Software": None})
    print(OUT.relative_to(OUT.parents[2]))


if __name__ == "__main__":
    main()
