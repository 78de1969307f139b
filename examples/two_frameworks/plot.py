# SPDX-License-Identifier: Apache-2.0
"""Losses of both frameworks on one plot, and how far they are apart."""

from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot as plt  # noqa: E402


def draw(curves: dict, path: Path) -> None:
    """curves : title -> (losses in MXNet, losses in PyTorch), one column of the plot each."""
    figure, rows = plt.subplots(
        2, len(curves), figsize=(5 * len(curves), 5), sharex="col", height_ratios=(2, 1), squeeze=False
    )
    for (title, (mxnet, torch)), (above, below) in zip(curves.items(), rows.T):
        steps = range(1, len(mxnet) + 1)
        differences = [abs(a - b) for a, b in zip(mxnet, torch)]
        above.plot(steps, mxnet, color="#4c78a8", linewidth=4, alpha=0.5, label="MXNet")
        above.plot(steps, torch, color="#d1495b", linewidth=1.2, label="PyTorch")
        above.set_title(title)
        above.set_ylabel("loss")
        above.legend()
        below.semilogy(steps, [max(d, 1e-17) for d in differences], color="black", linewidth=1)
        below.set_ylabel("|difference|")
        below.set_xlabel("step")
        below.set_title(f"largest difference {max(differences):.1e}", fontsize=9, loc="left")
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=100)
    plt.close(figure)
