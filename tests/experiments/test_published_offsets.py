# SPDX-License-Identifier: Apache-2.0
"""The printed offsets stand in one file, which the pictures and the ledger read."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from experiments.ledger.book import longest, read_book
from lib.pictures.report import TITLES, read_report

ROOT = Path(__file__).parents[2]
FILE = ROOT / "experiments/deeplab/published_offsets.json"
ORIGINAL = ROOT.parent / "shared" / "data" / "report_offsets.json"


def test_pictures_and_ledger_read_the_same_offsets_of_the_same_lines():
    book, settings = read_book("deeplab"), read_report(FILE).settings
    values = {line.name: line.value for line in book.lines}
    assert [each.name for each in settings] == list(book.offsets) == list(TITLES)
    for each in settings:
        assert each.miou == values[each.name], each.name
        assert longest(book.offsets[each.name]) == pytest.approx(each.lengths.max(), abs=1e-12)
        for layer, rows in book.offsets[each.name].items():
            assert np.array_equal(rows, each.offsets[layer.removesuffix("_offset")]) and np.shape(rows) == (3, 3, 2)


def test_shipped_offsets_are_the_reports():
    if not ORIGINAL.is_file():
        pytest.skip(f"{ORIGINAL} is not there")
    ours = json.loads(FILE.read_text())["runs"]
    theirs = {figure["figure"]: figure for figure in json.loads(ORIGINAL.read_text())}
    assert [run["figure"] for run in ours] == sorted(theirs) == list(range(3, 9))
    for run in ours:
        assert run["offsets"] == theirs[run["figure"]]["offsets"], run["line"]
        assert run["normalize_grad"] == theirs[run["figure"]]["normalize_grad"]
    assert math.isclose(longest(ours[1]["offsets"]), 1083.3, abs_tol=0.1)
