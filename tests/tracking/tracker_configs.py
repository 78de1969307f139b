# SPDX-License-Identifier: Apache-2.0
"""Configurations of trackers for tests."""

from __future__ import annotations

from pathlib import Path

from tracking.schema import load

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = ROOT / "experiments" / "tracking" / "cfgs"
FILMS = ["dataset.generated.train=3", "dataset.generated.val=3", "dataset.generated.frames=8",
         "dataset.generated.height=96", "dataset.generated.width=96", "dataset.generated.seed=100"]  # fmt: skip


def config(name: str, *overrides: str):
    """The configuration of that name."""
    return load(CONFIGS / f"{name}.yaml", overrides)


def small(folder, *overrides: str):
    """quick_tracker on three short films in `folder`."""
    return config("quick_tracker", *FILMS, f"dataset.dataset_path={folder}/films", "TRAIN.PAIRS=8", *overrides)
