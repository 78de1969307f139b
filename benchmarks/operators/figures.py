# SPDX-License-Identifier: Apache-2.0
"""From samples to what is reported."""

from __future__ import annotations

from statistics import median

BUSY_LIMIT = 0.25  # cores used by other processes, above which a measurement does not count
_AGREE = 1e-3  # of the largest value: float32 sums in another order stay far below
_OUTLIERS = 0.02  # of the compared numbers: a point may fall on the other side of a boundary by rounding


def is_busy(sample: dict) -> bool:
    return sample["others"] > BUSY_LIMIT


def counted(samples: list, allow_busy: bool) -> list:
    """The samples that count."""
    return [sample for sample in samples if allow_busy or not is_busy(sample)]


def summarize(entry: dict, allow_busy: bool) -> None:
    """Adds the figures of one engine's samples to its entry; status "busy" where none counts."""
    samples = counted(entry["samples"], allow_busy)
    entry["counted"] = len(samples)
    entry["busy"] = sum(map(is_busy, entry["samples"]))
    if not samples:
        entry["status"] = "busy"
        entry["reason"] = f"other processes used more than {BUSY_LIMIT} core in all {entry['busy']} measurements"
        return
    seconds = [sample["seconds"] for sample in samples]
    entry["median"], entry["min"] = median(seconds), min(seconds)
    entry["cores"] = median(sample["cores"] for sample in samples)


def compare(engines: dict, yardstick: str) -> None:
    """Adds to every measured engine its ratios to the yardstick of the same run."""
    base = engines.get(yardstick, {})
    if "median" not in base:
        return
    for entry in engines.values():
        if "median" in entry:
            entry["ratio_median"] = entry["median"] / base["median"]
            entry["ratio_min"] = entry["min"] / base["min"]


def disagreement(probes: dict, others: dict) -> str:
    """What differs between the numbers two engines computed: '' or names of results."""
    return ", ".join(name for name in probes if name in others and not _close(probes[name], others[name]))


def _close(some: list, others: list) -> bool:
    scale = max(map(abs, others), default=0.0)
    wrong = sum(not abs(a - b) <= _AGREE * scale for a, b in zip(some, others))
    return len(some) == len(others) and wrong <= _OUTLIERS * len(others)
