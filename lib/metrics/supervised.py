# SPDX-License-Identifier: Apache-2.0
"""The VOT challenges' measures of a tracker that is put on the target again when it has lost it (Kristan et al. 2016,
arXiv 1503.01313; EAO: VOT2015). Definitions are those of votchallenge/toolkit, `analysis/supervised.py`.

A run over a sequence is codes (T,) and overlaps (T,): in each frame the tracker was INITIALISED, FAILED, was SKIPPED
until its next start, or TRACKED with that overlap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

TRACKED, INITIALISED, FAILED, SKIPPED = -1, 1, 2, 0
"""The toolkit's numbers in its result files, and one for frames whose line is a box."""
BURN_IN = 10
INTERVALS = {"VOT2015": (108, 371), "VOT2016": (108, 371), "VOT2017": (100, 356), "VOT2018": (100, 356)}
"""Lengths over which the challenges average the expected overlap."""


@dataclass(frozen=True)
class Run:
    """codes: int (T,), see above. overlaps: float (T,), of frames that were tracked; else 0 counts."""

    codes: np.ndarray
    overlaps: np.ndarray

    def __post_init__(self):
        if self.codes.shape != self.overlaps.shape or self.codes.ndim != 1 or self.codes[:1].tolist() != [INITIALISED]:
            raise ValueError("expected codes and overlaps of as many frames, the first of which is an initialisation, "
                             f"got {self.codes.shape} and {self.overlaps.shape}, codes {self.codes[:1]}")  # fmt: skip


def failures(runs: Sequence[Run]) -> int:
    """How often the target was lost."""
    return sum(int((run.codes == FAILED).sum()) for run in runs)


def valid(run: Run, burn_in: int = BURN_IN) -> np.ndarray:
    """bool (T,): frames that count for the accuracy: tracked, and not among the `burn_in` from an initialisation on."""
    counts = run.codes == TRACKED
    for start in np.flatnonzero(run.codes == INITIALISED):
        counts[start : start + burn_in] = False
    return counts


def accuracy(runs: Sequence[Run], burn_in: int = BURN_IN) -> float:
    """Mean overlap, of each sequence over its valid frames, then over sequences weighted by their lengths.

    A sequence without a valid frame counts as 0, as in the toolkit.
    """
    means = [float(run.overlaps[valid(run, burn_in)].mean()) if valid(run, burn_in).any() else 0.0 for run in runs]
    return float(np.average(means, weights=[len(run.codes) for run in runs]))


def fragments(run: Run) -> list[tuple[np.ndarray, bool]]:
    """(overlaps from an initialisation on, whether it ended in a failure) of each start of a run."""
    ends = [*np.flatnonzero(run.codes == FAILED), len(run.codes)]
    starts = np.flatnonzero(run.codes == INITIALISED)
    return [(run.overlaps[start:end], end < len(run.codes)) for start, end in zip(starts, ends)]


def expected_overlaps(runs: Sequence[Run], longest: int | None = None) -> np.ndarray:
    """The expected average overlap of sequences of every length, float64 (longest + 1,), longest: default, that of the
    longest fragment less 1.

    Entry N is the mean, over all fragments that tell, of the mean overlap in the N frames after the initialisation;
    entry 0 is 0 and means nothing. A fragment that ended in a failure has overlap 0 from there on; one that ended with
    its sequence tells of no more frames than it has. NaN where none tells.
    """
    found = [each for run in runs for each in fragments(run)]
    longest = max(len(values) for values, _ in found) - 1 if longest is None else longest
    table = np.full((len(found), longest + 1), np.nan)
    for row, (values, failed) in zip(table, found):
        padded = np.zeros(longest + 1)
        known = min(len(values), longest + 1)
        padded[1:known] = values[1:known]
        told = longest + 1 if failed else known
        row[1:told] = (padded.cumsum()[1:] / np.arange(1, longest + 1))[: told - 1]
    counts = np.isfinite(table).sum(0)
    expected = np.where(counts, np.nansum(table, axis=0) / np.maximum(counts, 1), np.nan)
    expected[0] = 0
    return expected


def expected_average_overlap(runs: Sequence[Run], low: int, high: int) -> float:
    """EAO: the mean of `expected_overlaps` over lengths low to high, both included.

    Raises ValueError if the interval is empty or no fragment tells of its longest sequences.
    """
    if not 1 <= low <= high:
        raise ValueError(f"interval: expected 1 <= low <= high, got {low} to {high}")
    found = expected_overlaps(runs, high)[low : high + 1]
    if not np.isfinite(found).all():
        longest = int(np.flatnonzero(np.isfinite(found))[-1]) + low if np.isfinite(found).any() else 0
        raise ValueError(f"interval: no fragment is as long as {high}; the longest that tells is {longest}")
    return float(found.mean())
