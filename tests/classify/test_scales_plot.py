# SPDX-License-Identifier: Apache-2.0
"""The accuracy of several runs by scale."""

from __future__ import annotations

import json

import numpy as np
import pytest

from classify.scales import by_scale, draw, main, read


def leave(folder, value, parts, by_class=None):
    (folder / "test").mkdir(parents=True)
    content = {"metric": "accuracy", "value": value, "parts": parts, "by_class": by_class or {"0": value}}
    (folder / "test" / "results.json").write_text(json.dumps(content))
    return folder


@pytest.fixture
def runs(tmp_path):
    low, high = "0.50-0.75", "0.75-1.00"
    return [
        leave(tmp_path / "seed1" / "plain", 0.7, {low: 0.6, high: 0.8}),
        leave(tmp_path / "seed2" / "plain", 0.8, {low: 0.8, high: 0.8}),
        leave(tmp_path / "seed1" / "extra", 0.9, {low: 0.9, high: 0.9}),
    ]


def test_seeds_of_one_name_are_one_line(runs):
    found = read(runs)
    assert list(found) == ["plain", "extra"] and by_scale(found["plain"]).tolist() == [[0.6, 0.8], [0.8, 0.8]]
    lines = draw(found).axes[0].lines
    assert [line.get_label() for line in lines] == ["plain (0.7500, 2 seeds)", "extra (0.9000, 1 seeds)"]
    np.testing.assert_allclose(lines[0].get_xydata(), [[0.625, 0.7], [0.875, 0.8]])


def test_the_command_writes_a_table_and_a_picture(runs, tmp_path, capsys):
    assert main([*map(str, runs), "--out", str(tmp_path / "a" / "b.png")]) == 0
    said = capsys.readouterr().out
    assert "| plain | 2 | 75.00 | 70.0 | 80.0 |" in said
    assert (tmp_path / "a/b.png").stat().st_size > 10_000


def test_runs_without_scales_or_with_others_are_refused(runs, tmp_path, capsys):
    classes = {"0": 0.5, "1": 0.5}
    other = leave(tmp_path / "seed1" / "digits", 0.5, classes, classes)
    assert main([str(other), "--out", str(tmp_path / "a.png")]) == 1
    assert "digits: its accuracy is by 0, 1; expected the scales" in capsys.readouterr().err
    sizes = {"36-38": 0.5, "40-42": 0.5}  # of shoes, say: classes that look like scales
    shoes = leave(tmp_path / "seed1" / "shoes", 0.5, sizes, sizes)
    assert main([str(shoes), "--out", str(tmp_path / "a.png")]) == 1
    assert "shoes: its accuracy is by 36-38, 40-42; expected the scales" in capsys.readouterr().err
    assert main([*map(str, runs), str(other), "--out", str(tmp_path / "a.png")]) == 1
    assert main([str(tmp_path / "nothing"), "--out", str(tmp_path / "a.png")]) == 1
    assert "evaluate first" in capsys.readouterr().err
