# SPDX-License-Identifier: Apache-2.0
"""docs/scaling.md says what benchmarks/scaling computes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.scaling import show
from benchmarks.scaling.count import NETWORKS, Count, count
from benchmarks.scaling.model import Assumed, Measured, update

ROOT = Path(__file__).parents[1]
RESULT = json.loads((ROOT / "benchmarks/results/scaling.json").read_text())


def test_document_holds_the_tables_that_the_program_writes():
    document = (ROOT / "docs/scaling.md").read_text()
    assert show.filled(document, RESULT) == document, "python -m benchmarks.scaling show"
    with pytest.raises(ValueError, match="0 places for the table 'counted'"):
        show.filled("no table", RESULT)


def test_counts_differ_between_networks_by_what_makes_offsets():
    base, dcn, acn = (count(NETWORKS[kind]) for kind in ("base", "dcn", "acn"))
    assert dcn.trained - base.trained == 3 * (18 * 512 * 9 + 18)  # three convolutions of 512 channels, with bias
    assert acn.trained - base.trained == 3 * 18 and len(acn.gradients) - len(base.gradients) == 3
    places = 48 * 64  # of the 768 x 1024 image, divided by 16
    assert dcn.forward - base.forward == 3 * 18 * 512 * 9 * places and acn.forward == base.forward
    assert sum(base.gradients) == base.trained < base.parameters and base.gradient_bytes == 4 * base.trained


def test_model_adds_up():
    what = Count(parameters=10, trained=10**9, gradients=(10**9,), forward=5 * 10**11, backward=10**12)
    assumed = Assumed(gpu=1e12, gpus_per_machine=8, between_gpus=8e9, network=4e9, round_trip=0.5)
    one = update(1, 1, False, what, Measured(server=8e9, read=0.1), assumed)
    assert one.seconds == one.compute == 3 and one.efficiency == 1
    machine = update(8, 1, False, what, Measured(8e9, 0.1), assumed)
    assert machine.exchange == pytest.approx(2 * 7 / 8 * 4 / 8) and machine.seconds == 3 + machine.exchange
    two = update(16, 1, False, what, Measured(8e9, 0.1), assumed)
    assert two.exchange == pytest.approx(machine.exchange + 2 * 4 / 8 + 0.5 + 2 * 4 / 2 / 4)
    assert update(16, 1, True, what, Measured(8e9, 0.1), assumed).seconds == 3 + max(0, two.exchange - 2)
    slow = update(16, 1, True, what, Measured(8e9, 1.0), assumed)
    assert slow.seconds == 8.0 and slow.efficiency == 3 / 8  # one thread reads 8 images
    assert update(16, 8, True, what, Measured(8e9, 1.0), assumed).reading == 1.0
