# SPDX-License-Identifier: Apache-2.0
"""What the summary.png of every system has in common: its size, where it is written, and the loss of its training."""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure

from lib.pictures import panels
from lib.run import folder
from lib.run.atomic import write_with
from lib.run.metrics import read_metrics

WIDTH, DPI = 13.0, 110  # inches, pixels per inch


def write_summary(cfg, figure: Figure) -> Path:
    """Writes <output_path>/<run name>/summary.png, completely or not at all, and gives its path."""
    path = Path(cfg.output_path) / cfg.run.name / "summary.png"
    write_with(path, lambda file: figure.savefig(file, format="png", dpi=DPI))
    return path


def draw_loss(axis, cfg, results: dict, of: str = "cross entropy per pixel") -> None:
    """`panels.loss_curve` of the epochs that had been trained when the run was evaluated."""
    lines = [line for line in read_metrics(folder.prefix(cfg).parent / "metrics.jsonl")
             if line["epoch"] < results["epoch"]]  # fmt: skip
    updates, epochs = ([line for line in lines if line["event"] == event] for event in ("update", "epoch"))
    panels.loss_curve(axis, updates, epochs, of)
