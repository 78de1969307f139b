# SPDX-License-Identifier: Apache-2.0
"""Error by distance, a line for each network."""

from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot as plt  # noqa: E402

from examples.displacement.problem import REACH  # noqa: E402


def draw(errors: dict, path: Path) -> None:
    """errors: as `main` gives them. Lines are means over the seeds, bands reach from the least to the greatest."""
    figure, axes = plt.subplots(figsize=(7.5, 4.6))
    distances = range(REACH + 1)
    for name, values in errors.items():
        values = values[:, : REACH + 1]
        (line,) = axes.plot(distances, values.mean(axis=0), marker="o", label=name)
        axes.fill_between(distances, values.min(axis=0), values.max(axis=0), color=line.get_color(), alpha=0.2, lw=0)
    axes.axhline(1, color="grey", lw=1, ls=":")
    axes.annotate("says 0 everywhere", (0, 1.015), fontsize=8, color="grey")
    for distance, text in ((1, "1 sample ends"), (4, "3 x 3 end"), (7, "5 x 5 end")):
        axes.axvline(distance + 0.5, color="grey", lw=0.8, ls="--")
        axes.annotate(text, (distance + 0.45, 0.5), fontsize=8, color="grey", ha="right", va="center", rotation=90)
    axes.set(
        xlabel="distance of the value to be copied, in pixels",
        ylabel="square error / square of what is to be copied",
        ylim=(-0.03, 1.25),
    )
    axes.legend(fontsize=8, ncols=2, loc="upper center")
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=100)
    plt.close(figure)
