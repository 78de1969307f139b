# SPDX-License-Identifier: Apache-2.0
"""What machine it was, what was printed, and the result file."""

from __future__ import annotations

import datetime
import re
import subprocess

import torch

from operators.bench.machine import commit
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
        ratios = [(*_ratio(row, other), row) for row in rows]
        ratios = [(ratio, row) for ratio, row in ratios if ratio]
        missed = [(ratio, row) for ratio, row in ratios if ratio > target]
        lines.append(f"<= {target} x {other}: {len(ratios) - len(missed)} of {len(ratios)} points")
        lines += [f"  MISSED {ratio:.2f} {speed_line(row)}" for ratio, row in missed]
    return "\n".join(lines)


def _ratio(row: dict, target: str) -> tuple:
    engine, _, dtype = target.partition(" ")
    applies = not dtype or (row["dtype"] == dtype and not row["training"])
    times = row["ms"]
    return (times["ours"] / times[engine] if applies and "ours" in times and engine in times else None,)
