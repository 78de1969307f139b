# SPDX-License-Identifier: Apache-2.0
"""The offset tables of the report that this project reproduces (its figures 3 to 8), side by side with their mIoU."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.patches import Rectangle

from lib.pictures.style import GREY, LEARNED, PAPER, ZERO, open_spines
from lib.pictures.taps import moved

HALF = 66  # of a panel's width, in pixels: just more than the height of the report's feature map
TITLES = {
    "acn_naive": "plain gradient",
    "acn_lr1": "normalized, rate 1",
    "acn_lr0.1": "normalized, rate 0.1",
    "acn_lr0.05": "normalized, rate 0.05",
    "acn_lr0.01": "normalized, rate 0.01",
    "acn_lr0.05_warmup": "rate 0.05 and warm-up",
}


@dataclass
class Setting:
    """One training of the report. name: of its line in the ledger.

    offsets: {layer: (3, 3, 2)}, (y, x) in pixels of the feature map.
    """

    name: str
    figure: int
    miou: float
    offsets: dict[str, np.ndarray]

    @property
    def lengths(self) -> np.ndarray:
        """How far each of the 27 taps was moved."""
        return np.concatenate([np.hypot(each[..., 0], each[..., 1]).ravel() for each in self.offsets.values()])


@dataclass
class Report:
    """settings: in the report's order. baselines: {network: mIoU}. feature_map: its (height, width)."""

    settings: list[Setting]
    baselines: dict[str, float]
    feature_map: tuple[int, int]
    dilate: int
    source: str


def read_report(path: str | Path) -> Report:
    """The report's numbers. path: experiments/deeplab/published_offsets.json."""
    content = json.loads(Path(path).read_text(encoding="utf-8"))
    settings = []
    for run in content["runs"]:
        offsets = {name.removesuffix("_offset"): np.array(value) for name, value in run["offsets"].items()}
        settings.append(Setting(run["line"], run["figure"], run["mIoU"], offsets))
    size = tuple(content["feature_map"])
    return Report(settings, content["baselines"], size, content["dilate"], content["source"])


def never_inside(offset: np.ndarray, dilate: int, size: tuple[int, int]) -> np.ndarray:
    """(taps,) bool: the taps that read outside a map of `size` from every one of its positions."""
    _, places = moved(offset, dilate)
    return (np.abs(places) >= size).any(-1)


def draw_report(figure, report: Report) -> None:
    """A column per training: its mIoU on top, below it the taps of the three layers, all to one scale."""
    layers = list(report.settings[0].offsets)
    columns = len(report.settings)
    grid = figure.add_gridspec(1 + len(layers), columns, height_ratios=[1.1, *[1.0] * len(layers)])
    _scores(figure.add_subplot(grid[0, :]), report)
    axes = grid[1:, :].subgridspec(len(layers), columns).subplots(sharex=True, sharey=True)
    for column, setting in enumerate(report.settings):
        for row, layer in enumerate(layers):
            axis = axes[row, column]
            _panel(axis, setting.offsets[layer], report)
            if column == 0:
                axis.set_ylabel(layer.split("_")[0], fontsize=11, rotation=0, ha="right", va="center", labelpad=6)
    figure.supxlabel(
        "Lines lead from the regular 3x3 grid (dilation 2) to where training moved its taps; triangles: further out.\n"
        "Light band: what the middle pixel of the 64 x 128 feature map can reach. Orange: lost, outside the map from "
        "every position.",
        fontsize=9,
    )


def _scores(axis, report: Report) -> None:
    score = [100 * setting.miou for setting in report.settings]
    lowest = 67.0
    for name, value in report.baselines.items():
        axis.axhline(100 * value, color="0.5", linewidth=0.9, linestyle="--", zorder=0)
        axis.text(1, 100 * value + 0.15, f"{name} {100 * value:.1f}", fontsize=8, ha="center", color="0.25")
    axis.bar(range(len(score)), np.array(score) - lowest, 0.42, bottom=lowest, color=LEARNED)
    paper = {"facecolor": "white", "edgecolor": "none", "pad": 0.8}
    for number, setting in enumerate(report.settings):
        axis.text(number, score[number] + 0.25, f"{score[number]:.2f}", ha="center", fontsize=10.5, fontweight="bold",
                  bbox=paper)  # fmt: skip
        axis.text(number, lowest + 0.25, f"median move\n{np.median(setting.lengths):.1f} px", ha="center", fontsize=8,
                  color="white")  # fmt: skip
    axis.set_xlim(-0.65, len(score) - 0.52)  # so that the bars stand above the panels
    axis.set_ylim(lowest, 76.5)
    axis.set_xticks(range(len(score)), [TITLES.get(each.name, each.name) for each in report.settings], fontsize=10)
    axis.set_ylabel("mIoU, %", fontsize=9)
    open_spines(axis)
    axis.tick_params(axis="x", length=0, labelsize=10)


def _panel(axis, offset: np.ndarray, report: Report) -> None:
    height, width = report.feature_map
    grid, places = moved(offset, report.dilate)
    lost = never_inside(offset, report.dilate, report.feature_map)
    far = (np.abs(places) > HALF).any(-1)
    axis.set_facecolor("#e4e6ea")
    axis.add_patch(Rectangle((-width / 2, -height / 2), width, height, facecolor=PAPER, edgecolor="none"))
    shown = places * np.minimum(1, 0.94 * HALF / np.abs(places).max(-1, keepdims=True).clip(1e-9))  # along its ray
    for (y0, x0), (y1, x1) in zip(grid, shown):
        axis.plot([x0, x1], [y0, y1], color=LEARNED, linewidth=0.8, alpha=0.45)
    axis.scatter(grid[:, 1], grid[:, 0], s=12, facecolor="none", edgecolor=GREY, linewidth=0.8)
    for choice, marker, size in ((~far, "o", 20), (far, "^", 30)):
        colours = [ZERO if each else LEARNED for each in lost[choice]]
        edge = {"edgecolor": "white", "linewidth": 0.5}
        axis.scatter(shown[choice, 1], shown[choice, 0], s=size, marker=marker, zorder=3, color=colours, **edge)
    if lost.any():
        text = {"fontsize": 8, "color": ZERO, "fontweight": "bold", "transform": axis.transAxes, "zorder": 5}
        paper = {"facecolor": "#e4e6ea", "edgecolor": "none", "pad": 0.6}
        axis.text(0.03, 0.88, f"{lost.sum()} of {len(lost)} lost", bbox=paper, **text)
    axis.set_xlim(-HALF, HALF)
    axis.set_ylim(HALF, -HALF)
    axis.set_aspect("equal")
    axis.set_xticks([-64, -32, 0, 32, 64])
    axis.set_yticks([-64, -32, 0, 32, 64])
    axis.tick_params(labelsize=7, length=2)
