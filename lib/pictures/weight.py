# SPDX-License-Identifier: Apache-2.0
"""Weights of convolutions: their norm per tap and their values, before and after training."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from lib.looking.places import tap_indices
from lib.pictures.style import LEARNED, ZERO, open_spines

COLOURS = "cividis"


def tap_norms(weight: np.ndarray) -> np.ndarray:
    """(kernel y, kernel x): the Euclidean norm over all filters and channels of weight (filters, channels, ky, kx)."""
    return np.sqrt(np.square(weight, dtype=np.float64).sum((0, 1)))


def branch_norms(weight: np.ndarray, taps: int, masks: bool) -> np.ndarray:
    """(taps, 2): the norm of the filters that compute dy and dx of each tap, in a branch that predicts offsets.

    weight: (filters, channels, ky, kx). The filters of all offsets come first, 2 per tap; then, if the layer has
    `masks`, one per tap for these. Groups count together.
    """
    groups = len(weight) // ((3 if masks else 2) * taps)
    each = np.square(weight[: groups * 2 * taps], dtype=np.float64).reshape(groups, taps, 2, -1)
    return np.sqrt(each.sum((0, -1)))


def kernels(arrays: Mapping[str, np.ndarray], ending: str = "branch2b_weight") -> dict[str, np.ndarray]:
    """The weights of convolutions of more than one tap whose name has this ending, by name without '_weight'."""
    found = {name: value for name, value in arrays.items() if name.endswith(ending) and value.ndim == 4}
    return {name.removesuffix("_weight"): value for name, value in found.items() if value[0, 0].size > 1}


def table(weight: np.ndarray) -> str:
    """The text of one kernel, (kernel y, kernel x)."""
    return "\n".join(" ".join(f"{value:9.4f}" for value in row) for row in weight)


def draw_norms(figure, name: str, before: np.ndarray, after: np.ndarray) -> None:
    """Norm per tap before and after training to one scale, and what training made of it, in percent."""
    first, last = tap_norms(before), tap_norms(after)
    axes = figure.subplots(1, 3)
    top = max(first.max(), last.max())
    for axis, norms, title in zip(axes, (first, last), ("before training", "after training")):
        axis.imshow(norms, cmap=COLOURS, vmin=0, vmax=top)
        _numbers(axis, norms, "{:.2f}", lambda value: "white" if value < 0.6 * top else "black")
        axis.set_title(title, fontsize=9)
    change = 100 * (last / np.where(first == 0, np.nan, first) - 1)
    limit = max(float(np.nanmax(np.abs(change))), 20.0) if np.isfinite(change).any() else 20.0
    axes[2].imshow(change, cmap="PuOr", vmin=-limit, vmax=limit)
    _numbers(axes[2], change, "{:+.0f}%", lambda value: "white" if abs(value) > 0.6 * limit else "black")
    axes[2].set_title("change", fontsize=9)
    figure.suptitle(f"{name}: norm of the weights of each tap", fontsize=10)


def draw_values(axis, name: str, before: np.ndarray, after: np.ndarray) -> None:
    """How many weights have which value, before and after."""
    limit = float(np.quantile(np.abs([before, after]), 0.999))
    edges = np.linspace(-limit, limit, 81)
    middles = (edges[1:] + edges[:-1]) / 2
    for values, shown, label in ((before, ZERO, "before training"), (after, LEARNED, "after training")):
        count = np.histogram(values, edges)[0] / values.size
        axis.fill_between(middles, count, step="mid", color=shown, alpha=0.15, linewidth=0)
        axis.step(middles, count, where="mid", color=shown, linewidth=1.2, label=label)
    axis.set_title(f"{name}: values of {after.size} weights", fontsize=10)
    axis.set_yticks([])
    axis.set_ylim(bottom=0)
    axis.legend(fontsize=8, frameon=False)
    open_spines(axis)
    axis.spines["left"].set_visible(False)


def draw_branch(axis, name: str, norms: np.ndarray, kernel: tuple[int, int] = (3, 3)) -> None:
    """Bars: how strongly the branch steers dy and dx of each tap (`branch_norms`); before training all are 0."""
    place = np.arange(len(norms))
    axis.bar(place - 0.2, norms[:, 0], 0.4, color=LEARNED, label="dy")
    axis.bar(place + 0.2, norms[:, 1], 0.4, color=ZERO, label="dx")
    axis.set_xticks(place, [f"({i}, {j})" for i, j in tap_indices(kernel)])
    axis.set_xlabel("tap", fontsize=9)
    axis.set_title(f"{name}: norm of the filters that compute each offset", fontsize=10)
    axis.legend(fontsize=8, frameon=False)
    open_spines(axis)


def _numbers(axis, values, form, ink) -> None:
    axis.set_xticks(range(values.shape[1]))
    axis.set_yticks(range(values.shape[0]))
    axis.tick_params(labelsize=8, length=0)
    for (i, j), value in np.ndenumerate(values):
        axis.text(j, i, form.format(value) if np.isfinite(value) else "new", ha="center", va="center", color=ink(value))
