# SPDX-License-Identifier: Apache-2.0
"""Error by distance, a line for each network."""

from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot as plt  # noqa: E402

from examples.displacement.problem import REACH  # noqa: E402

ENDS = {"1 sample": 1, "3 x 3 samples": 4, "5 x 5 samples": 7}  # the last distance that can be seen


def draw(panels: dict[str, dict], path: Path) -> None:
    """panels: title -> errors as `main` gives them. Lines are means over the seeds, bands reach from the least to the
    greatest."""
    panels = {title: errors for title, errors in panels.items() if errors}
    figure, rows = plt.subplots(1, len(panels), figsize=(6.5 * len(panels), 5), sharey=True, squeeze=False)
    for axes, (title, errors) in zip(rows[0], panels.items()):
        for number, (name, values) in enumerate(errors.items()):
            values = values[:, : REACH + 1]
            (line,) = axes.plot(range(REACH + 1), values.mean(axis=0), marker="osv^D"[number % 5], label=name)
            low, high = values.min(axis=0), values.max(axis=0)
            axes.fill_between(range(REACH + 1), low, high, color=line.get_color(), alpha=0.2, lw=0)
        axes.axhline(1, color="grey", lw=1, ls=":")
        axes.annotate("says 0 everywhere", (REACH, 1.06), fontsize=8, color="grey", ha="right")
        for name, distance in ENDS.items():
            axes.axvline(distance + 0.5, color="grey", lw=0.8, ls="--")
            axes.annotate(name, (distance + 0.42, 0.5), fontsize=8, color="grey", ha="right", va="center", rotation=90)
        axes.set(title=title, xlabel="distance of what is to be copied, in pixels", ylim=(-0.03, 1.15))
        axes.legend(fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=3)
    rows[0][0].set_ylabel("square error / square of what is to be copied")
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=100)
    plt.close(figure)
