# SPDX-License-Identifier: Apache-2.0
"""How a tracker is tested: with help after each failure, as the VOT challenges do, or in one pass, as OTB does."""

from __future__ import annotations

import numpy as np

from lib.data.sequences import Sequence
from lib.metrics.regions import overlaps
from lib.metrics.supervised import FAILED, INITIALISED, SKIPPED, TRACKED, Run

SKIP = 5


def supervised(tracker, sequence: Sequence, skip: int = SKIP) -> tuple[Run, np.ndarray]:
    """A run, and its boxes (frames, 4): NaN where there is none. tracker: has `start` and `step`.

    A frame in which the box does not overlap the target at all is a failure; `skip` frames later the tracker is put on
    the target again.
    """
    codes, boxes = np.full(len(sequence), SKIPPED), np.full((len(sequence), 4), np.nan)
    found, frame, lost = np.zeros(len(sequence)), 0, True
    while frame < len(sequence):
        image = sequence.image(frame)
        if lost:
            tracker.start(image, sequence.boxes[frame])
            codes[frame], boxes[frame], lost = INITIALISED, sequence.boxes[frame], False
        else:
            boxes[frame] = tracker.step(image).box
            found[frame] = overlaps(sequence.regions[frame : frame + 1], boxes[frame : frame + 1])[0]
            lost = found[frame] <= 0
            codes[frame] = FAILED if lost else TRACKED
        frame += skip if lost else 1
    return Run(codes, found), boxes


def one_pass(tracker, sequence: Sequence) -> np.ndarray:
    """The boxes (frames, 4) of a tracker that is told the first one and then left alone."""
    tracker.start(sequence.image(0), sequence.boxes[0])
    found = [tracker.step(sequence.image(frame)).box for frame in range(1, len(sequence))]
    return np.array([sequence.boxes[0], *found], np.float64)
