# SPDX-License-Identifier: Apache-2.0
"""The printed offsets stand in two files, one for the pictures and one for the ledger."""

from __future__ import annotations

import numpy as np

from experiments.report.published import read_offsets
from lib.pictures.report import read_report


def test_pictures_and_ledger_hold_the_same_printed_offsets():
    ledger, pictures = read_offsets(), read_report().settings  # both in the order of the report's figures 3 to 8
    assert len(ledger) == len(pictures) == 6
    for (line, layers), setting in zip(ledger.items(), pictures):
        assert line.endswith("_warmup") == ("warmup" in setting.name), (line, setting.name)
        assert [name.removesuffix("_offset") for name in layers] == list(setting.offsets), line
        for name, rows in layers.items():
            assert np.array_equal(rows, setting.offsets[name.removesuffix("_offset")]), (line, name)
