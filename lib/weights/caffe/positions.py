# SPDX-License-Identifier: Apache-2.0
"""Draws where AConvFast layers look: python -m lib.weights.caffe.positions DEPLOY.prototxt MODEL... --out PNG"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure

from lib.run.atomic import write_with
from lib.run.program import program, tell
from lib.weights.caffe.aconv import parse
from lib.weights.caffe.read import CaffeError, read

COLUMNS = 3


@program
def main(arguments: list[str] | None = None) -> int:
    """Gives the exit status: 0, or 1 after an error told on standard error."""
    parser = argparse.ArgumentParser(
        "python -m lib.weights.caffe.positions",
        description="One panel per AConvFast layer: the places of its taps in each model, in the order given.",
    )
    parser.add_argument("prototxt", type=Path, metavar="DEPLOY.prototxt")
    parser.add_argument("models", type=Path, nargs="+", metavar="MODEL.caffemodel", help="checkpoints, oldest first")
    parser.add_argument("--out", type=Path, required=True, metavar="PNG")
    options = parser.parse_args(arguments)
    figure = draw(dict(zip(labels(options.models), (places(model, options.prototxt) for model in options.models))))
    options.out.parent.mkdir(parents=True, exist_ok=True)
    write_with(options.out, lambda file: figure.savefig(file, format="png", dpi=110))
    tell(str(options.out))
    return 0


def labels(models: list[Path]) -> list[str]:
    """What the models are called: their names, or their paths where two have one name. Raises CaffeError for one that
    stands twice."""
    names = [model.stem for model in models]
    names = names if len(set(names)) == len(names) else [str(model.with_suffix("")) for model in models]
    if twice := [name for name in names if names.count(name) > 1]:
        raise CaffeError(f"{twice[0]}: given twice")
    return names


def places(model: str | Path, prototxt: str | Path) -> dict[str, np.ndarray]:
    """By layer name, the places (groups, K, 2) of its taps, (y, x) in pixels of its input, tap 0 the origin.

    Raises CaffeError if the network has no AConvFast layer of more than one tap.
    """
    net = read(model, prototxt)
    found = {layer.name: parse(layer).places for layer in net.layers if layer.type == "AConvFast"}
    found = {name: each for name, each in found.items() if each.shape[1] > 1}
    if not found:
        raise CaffeError(f"{prototxt}: no AConvFast layer with more than one tap in it")
    return found


def draw(models: dict[str, dict[str, np.ndarray]]) -> Figure:
    """A panel per layer. models: by label, in time order, what `places` gives; groups of one model share a colour."""
    layers = list(next(iter(models.values())))
    rows = -(-len(layers) // COLUMNS)
    figure = Figure(figsize=(4.0 * min(COLUMNS, len(layers)), 4.1 * rows + 0.9), layout="constrained")
    axes = np.atleast_1d(figure.subplots(rows, min(COLUMNS, len(layers)))).ravel()
    colours = colormaps["viridis"](np.linspace(0.0, 0.85, len(models)))
    reach = max(np.abs(each[layer]).max() for each in models.values() for layer in layers) + 0.45  # one scale for all
    for axis, layer in zip(axes, layers):
        _panel(axis, layer, {label: each[layer] for label, each in models.items()}, colours, reach)
    for axis in axes[len(layers) :]:
        axis.set_axis_off()
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncol=len(models), frameon=False)
    figure.suptitle("Where each tap looks, in pixels of the layer's input (the origin is the output pixel)")
    return figure


def _panel(axis, layer: str, models: dict[str, np.ndarray], colours, reach: float) -> None:
    history = np.stack(list(models.values()))  # (models, groups, K, 2)
    ticks = np.arange(-np.floor(reach), reach + 0.1)
    axis.set_xticks(ticks)
    axis.set_yticks(ticks)
    axis.grid(color="0.88", linewidth=0.8)
    axis.set_axisbelow(True)
    for group in range(history.shape[1]):
        for tap in range(history.shape[2]):
            y, x = history[:, group, tap].T
            axis.plot(x, y, color="0.6", linewidth=1.0, zorder=2)
    for number, (label, each) in enumerate(models.items()):
        size = 90 - 60 * number / max(1, len(models) - 1)  # the older the larger: nothing hides behind a later one
        axis.scatter(each[..., 1], each[..., 0], s=size, color=colours[number], label=label, zorder=3 + number)
    axis.set_xlim(-reach, reach)
    axis.set_ylim(reach, -reach)  # y grows downwards, as in pictures
    axis.set_aspect("equal")
    moved = np.linalg.norm(history[-1] - history[0], axis=-1).max()
    axis.set_title(f"{layer}: moved {moved:.2f} px at most", fontsize=11)


if __name__ == "__main__":
    sys.exit(main())
