# SPDX-License-Identifier: Apache-2.0
"""Curves of the training loss, from log files of this project and of Deformable-ConvNets, which has the same lines."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lib.pictures.style import colour, open_spines

BATCH = re.compile(r"Epoch\[(\d+)\] Batch \[(\d+)\]\s.*Train-FCNLogLoss=([^,\s]+)")
EPOCH = re.compile(r"Epoch\[(\d+)\] Train-FCNLogLoss=([^,\s]+)")


@dataclass
class Curve:
    """The loss of one training, over time in epochs.

    running: (n, 2), time and the epoch's mean loss so far, as each `Batch` line says.
    epochs: (m, 2), time at an epoch's end and its mean loss.
    """

    running: np.ndarray
    epochs: np.ndarray

    @property
    def final(self) -> float:
        """The last complete epoch's loss, NaN without one."""
        return float(self.epochs[-1, 1]) if len(self.epochs) else float("nan")


def read_curve(paths: Sequence[str | Path]) -> Curve:
    """The curve of one training from its log files, oldest first; what a later one repeats (resumed training) counts.

    A log does not say how many batches an epoch has: the time inside an epoch is that of its last line
    plus one step. Raises ValueError if the files hold no line of a training.
    """
    batches: dict[tuple[int, int], float] = {}
    means: dict[int, float] = {}
    for path in paths:
        text = Path(path).read_text(encoding="utf-8", errors="replace")
        found = [(int(e), int(b), float(loss)) for e, b, loss in BATCH.findall(text)]
        ends = [(int(e), float(loss)) for e, loss in EPOCH.findall(text)]
        begin = min([e for e, *_ in found] + [e for e, _ in ends], default=None)
        if begin is None:
            continue
        batches = {key: loss for key, loss in batches.items() if key[0] < begin}
        means = {epoch: loss for epoch, loss in means.items() if epoch < begin}
        batches.update({(epoch, batch): loss for epoch, batch, loss in found})
        means.update(dict(ends))
    if not batches and not means:
        names = ", ".join(map(str, paths)) or "no file"
        raise ValueError(
            f"{names}: no line 'Epoch[..] Batch [..] ... Train-FCNLogLoss=..' or 'Epoch[..] Train-FCNLogLoss=..'"
        )
    numbers = sorted({batch for _, batch in batches})
    step = min(np.diff([0, *numbers]), default=0) if numbers else 0
    length = max(numbers, default=0) + max(int(step), 1)
    running = [(epoch + batch / length, loss) for (epoch, batch), loss in sorted(batches.items())]
    ends = [(epoch + 1, loss) for epoch, loss in sorted(means.items())]
    return Curve(np.array(running).reshape(-1, 2), np.array(ends, float).reshape(-1, 2))


def draw_curves(axis, curves: dict[str, Curve], logarithmic: bool = True) -> None:
    """One colour per run: thin, the running mean that begins anew with each epoch; dots, the epochs' means."""
    for number, (name, curve) in enumerate(curves.items()):
        for epoch in np.unique(np.floor(curve.running[:, 0])):
            time, loss = curve.running[np.floor(curve.running[:, 0]) == epoch].T
            axis.plot(time, loss, color=colour(number), linewidth=0.9, alpha=0.45)
        time, loss = curve.epochs.T
        label = f"{name}: {curve.final:.4f} at the end"
        axis.plot(time, loss, "o-", color=colour(number), markersize=4, linewidth=1.6, label=label)
    if logarithmic:
        axis.set_yscale("log")
        axis.yaxis.set_major_formatter("{x:g}")
        axis.yaxis.set_minor_formatter("{x:g}")
    axis.set_xlabel("epoch", fontsize=9)
    axis.set_ylabel("cross entropy per pixel", fontsize=9)
    axis.grid(color="0.92", linewidth=0.6, which="both")
    axis.legend(fontsize=8, frameon=False)
    open_spines(axis)
    axis.tick_params(labelsize=8, which="both")
