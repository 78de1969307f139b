# SPDX-License-Identifier: Apache-2.0
"""Histograms of the offsets that deformable layers compute, per tap and axis, of several runs (report, figure 2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from lib.looking.places import tap_indices
from lib.pictures.style import colour, open_spines

BINS = 61
QUANTILE = 0.998  # of the lengths: what lies further out is not drawn, but counted in `outside`


@dataclass
class Histograms:
    """edges: (bins + 1,), the same for all. share: {run: (taps, 2, bins)}, of all values of that tap and axis.
    outside: {run: (taps, 2)}, the share beyond the edges. mean: {run: (taps, 2)}."""

    edges: np.ndarray
    share: dict[str, np.ndarray]
    outside: dict[str, np.ndarray]
    mean: dict[str, np.ndarray]


def histograms(offsets: Mapping[str, np.ndarray], bins: int = BINS) -> Histograms:
    """offsets: {run: (pictures, sets, taps, 2, H', W')}; sets, pictures and positions are counted together.

    Raises ValueError if there are none, or if the runs have different numbers of taps.
    """
    values = {run: np.moveaxis(each, (2, 3), (0, 1)).reshape(*each.shape[2:4], -1) for run, each in offsets.items()}
    taps = {run: len(each) for run, each in values.items()}
    if len(set(taps.values())) != 1:
        raise ValueError(f"offsets of one layer in several runs expected, all with the same taps; got {taps}")
    largest = max(np.quantile(np.abs(each), QUANTILE) for each in values.values())
    edges = np.linspace(-1, 1, bins + 1) * max(float(largest), 0.5)
    counts = {r: np.apply_along_axis(lambda v: np.histogram(v, edges)[0], -1, each) for r, each in values.items()}
    share = {run: count / values[run].shape[-1] for run, count in counts.items()}
    outside = {run: 1 - each.sum(-1) for run, each in share.items()}
    return Histograms(edges, share, outside, {run: each.mean(-1) for run, each in values.items()})


def draw_histograms(figure, data: Histograms, kernel: tuple[int, int] = (3, 3)) -> None:
    """The kernel's rows below each other; for each tap a panel for dy and one for dx, each to its own height."""
    rows, columns = kernel
    axes = figure.subplots(rows, 2 * columns, sharex=True, squeeze=False)
    middles = (data.edges[1:] + data.edges[:-1]) / 2
    for tap, (i, j) in enumerate(tap_indices(kernel)):
        for way, word in enumerate(("y", "x")):
            axis = axes[i, 2 * j + way]
            axis.axvline(0, color="0.8", linewidth=0.8, zorder=0)
            for number, (run, share) in enumerate(data.share.items()):
                line = share[tap, way]
                axis.fill_between(middles, line, step="mid", color=colour(number), alpha=0.12, linewidth=0)
                axis.step(middles, line, where="mid", color=colour(number), linewidth=1.1, label=run)
                axis.plot(data.mean[run][tap, way], 0, "^", color=colour(number), markersize=5, clip_on=False, zorder=4)
            axis.set_title(f"tap ({i}, {j}): {word}", fontsize=8)
            axis.set_yticks([])
            axis.set_ylim(0, 1.05 * max(share[tap, way].max() for share in data.share.values()))
            open_spines(axis)
            axis.spines["left"].set_visible(False)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncol=len(labels), fontsize=9, frameon=False)
    figure.supxlabel(
        "offset in px of the layer's input (down and right are positive); triangle: mean; each panel to its own height",
        fontsize=9,
    )
