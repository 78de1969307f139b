# SPDX-License-Identifier: Apache-2.0
"""Curves of the training loss, from log files of this project and of Deformable-ConvNets, which has the same lines."""

from __future__ import annotations

import csv
import gzip
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lib.pictures.style import colour, open_spines

BATCH = re.compile(r"Epoch\[(\d+)\] Batch \[(\d+)\]\s.*Train-FCNLogLoss=([^,\s]+)")
EPOCH = re.compile(r"Epoch\[(\d+)\] Train-FCNLogLoss=([^,\s]+)")
END = 10**9  # in the place of a batch's number: the line of a whole epoch


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
    """The curve of one training from its log files, oldest first; .gz files are read, too.

    What a later part repeats counts, whether a resumed training wrote it into the next file or a second run into the
    same one. A log does not say how many batches an epoch has: the time inside an epoch is that of its last line plus
    one step. Raises ValueError if the files hold no line of a training.
    """
    batches: dict[tuple[int, int], float] = {}
    means: dict[int, float] = {}
    for path in paths:
        last = (float("inf"), 0)  # so that a file's first line may go back
        for epoch, batch, value in _lines(path):
            if (epoch, batch) <= last:
                batches = {key: kept for key, kept in batches.items() if key[0] < epoch}
                means = {each: kept for each, kept in means.items() if each < epoch}
            last = (epoch, batch)
            if batch == END:
                means[epoch] = value
            else:
                batches[epoch, batch] = value
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


def _lines(path: str | Path) -> Iterator[tuple[int, int, float]]:
    """(epoch, batch, loss) of every line of a training."""
    for line in read_log(path).splitlines():
        if match := BATCH.search(line):
            yield int(match[1]), int(match[2]), float(match[3])
        elif match := EPOCH.search(line):
            yield int(match[1]), END, float(match[2])


def read_log(path: str | Path) -> str:
    """The text of a log file, which may be a .gz file."""
    content = Path(path).read_bytes()
    if content[:2] == b"\x1f\x8b":
        content = gzip.decompress(content)
    return content.decode("utf-8", errors="replace")


def read_evaluations(path: str | Path) -> list[tuple[float, list[float]]]:
    """(meanIU, IoU of every class in order) of each evaluation whose lines stand in a log file."""
    found: list[tuple[float, list[float]]] = []
    numbers: list[float] = []
    inside = False
    for line in read_log(path).splitlines():
        if "IU_array:" in line:
            numbers, inside = [], True
        elif match := re.search(r"meanIU:\s*([\d.]+)", line):
            found.append((float(match[1]), numbers))
            inside = False
        elif inside and (match := re.search(r"(\d+\.\d+)\s*$", line)):
            numbers.append(float(match[1]))
    return found


def read_published(path: str | Path) -> dict[str, Curve]:
    """The curves of a table of published losses: a CSV file whose rows are `id` and the loss of each epoch."""
    with open(path, newline="", encoding="utf-8") as file:
        rows = {row.pop("id"): [float(each) for each in row.values() if each] for row in csv.DictReader(file)}
    return {name: Curve(np.empty((0, 2)), np.column_stack([np.arange(1, len(each) + 1), each]))
            for name, each in rows.items()}  # fmt: skip


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
