# SPDX-License-Identifier: Apache-2.0
"""What machine it was, what was printed, and the result file."""

from __future__ import annotations

import datetime
import math
import re
import subprocess

import torch

from operators.gpu_suite.result import commit
from operators.gpu_suite.speed import TARGETS
from operators.version import __version__


def machine() -> dict:
    """Device, driver, versions, commit and date of this run."""
    properties = torch.cuda.get_device_properties(0)
    return {
        "device": properties.name,
        "compute_capability": f"{properties.major}.{properties.minor}",
        "memory_gib": round(properties.total_memory / 2**30, 1),
        "driver": _driver(),
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version(),
        "torchvision": _version("torchvision"),
        "active_convnets": __version__,
        "commit": commit(),
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
    }


def _driver() -> str:
    command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader", "--id=0"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _version(package: str) -> str:
    import importlib.metadata

    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def slug(device: str) -> str:
    """'NVIDIA H200' -> 'nvidia-h200'"""
    return re.sub(r"[^a-z0-9]+", "-", device.lower()).strip("-")


def heading(result: dict) -> str:
    return (
        f"{result['device']} ({result['compute_capability']}), driver {result['driver']}, torch {result['torch']}, "
        f"CUDA {result['cuda']}, torchvision {result['torchvision']}, commit {result['commit'][:10]}"
    )


def correctness_lines(result: dict) -> str:
    lines = [f"{result['checks']} checks, {len(result['failures'])} failed"]
    return "\n".join([*lines, *(f"  FAILED {text}" for text in result["failures"])])


def speed_line(row: dict) -> str:
    what = f"{row['point']:<20} {row['dtype']} {'fwd+bwd' if row['training'] else 'fwd':<8}"
    ours = row["ms"].get("ours")
    cells = []
    for name, value in row["ms"].items():
        ratio = f" ({ours / value:.2f})" if ours and name != "ours" else ""
        cells.append(f"{name} {value:.4f} ms{ratio}")
    return "  ".join([what, *cells, *(f"{name}: {why}" for name, why in row["failed"].items())])


def target_lines(rows: list) -> str:
    """How many points reach each target, and which do not; ratios are ours over the other's."""
    lines = []
    for other, target in TARGETS.items():
        engine = other.split()[0]
        if engine == "torchvision" and not any(engine in row["ms"] or engine in row["failed"] for row in rows):
            lines.append(f"<= {target} x {other}: torchvision is not installed: not compared")
            continue
        ratios = [(_ratio(row, other), row) for row in rows if _compares(row, other)]
        missed = [(ratio, row) for ratio, row in ratios if ratio > target]
        lines.append(f"<= {target} x {other}: {len(ratios) - len(missed)} of {len(ratios)} points")
        lines += [f"  MISSED {ratio:.2f} {speed_line(row)}" for ratio, row in missed]
    return "\n".join([*lines, *(f"  FAILED {speed_line(row)}" for row in failed(rows))])


def failed(rows: list) -> list:
    """The points at which an operator of ours did not run, deterministic or not."""
    return [row for row in rows if {"ours", "deterministic"} & set(row["failed"])]


def _compares(row: dict, target: str) -> bool:
    engine, _, dtype = target.partition(" ")
    return engine in row["ms"] and (not dtype or (row["dtype"] == dtype and not row["training"]))


def _ratio(row: dict, target: str) -> float:
    """Infinite where ours failed and the other did not."""
    times = row["ms"]
    return times["ours"] / times[target.split()[0]] if "ours" in times else math.inf
