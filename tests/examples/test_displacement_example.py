# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from importlib import import_module

import numpy as np
import pytest

pytest.importorskip("torch", reason="PyTorch is not installed")

from examples.displacement.__main__ import main  # noqa: E402
from examples.displacement.problem import REACH, SIDE, scenes  # noqa: E402


def test_the_target_is_the_noise_at_the_place_that_the_code_tells():
    made = scenes(np.random.default_rng(5), 2)
    random, seen = np.random.default_rng(6), 0
    for image, y, x in zip(random.integers(0, 2, 400), *random.integers(0, SIDE, (2, 400))):
        dy, dx = (np.flatnonzero(half)[0] - REACH for half in np.split(made.code[image, :, y, x], 2))
        assert made.code[image, :, y, x].sum() == 2 and max(abs(dy), abs(dx)) == made.distance[image, y, x]
        inside = 0 <= y + dy < SIDE and 0 <= x + dx < SIDE
        assert made.target[image, 0, y, x] == (made.noise[image, 0, y + dy, x + dx] if inside else 0)
        seen += inside
    assert seen > 200
    same = (made.code[:, :, 1:] == made.code[:, :, :-1]).all(axis=1)
    assert made.border[:, 1:][~same].all()  # where the step changes, another rectangle begins
    assert 0.1 < made.border.mean() < 0.6


def test_a_filter_sees_as_far_as_its_samples_reach_and_no_farther(tmp_path, capsys):
    picture = tmp_path / "plots" / "displacement.png"
    arguments = ["--only", "1 sample", "3 x 3 samples", "--steps", "150", "--seeds", "100", "--out", str(picture)]
    errors = main(arguments)
    one, nine = errors["1 sample"][0], errors["3 x 3 samples"][0]
    assert one[:2].max() < 0.2 and one[2 : REACH + 1].min() > 0.85
    assert nine[:5].max() < 0.6 and nine[5 : REACH + 1].min() > 0.95
    assert picture.stat().st_size > 10_000
    assert "3 x 3 samples (4,060)" in capsys.readouterr().out


def test_an_unknown_network_is_refused_with_the_names_there_are(capsys):
    with pytest.raises(SystemExit):
        main(["--only", "seven samples"])
    assert "no network is called so; networks: 5 x 5 samples, 3 x 3 samples" in capsys.readouterr().err


@pytest.mark.parametrize("program", ["displacement", "two_frameworks"])
@pytest.mark.parametrize("wrong", [["--steps", "0"], ["--steps", "many"], ["--out", "plot.gif"], ["--out", "plot"]])
def test_what_cannot_be_is_told_before_anything_is_trained(program, wrong, capsys):
    if program == "two_frameworks":
        pytest.importorskip("mxnet", reason="MXNet is not installed")
    with pytest.raises(SystemExit):
        import_module(f"examples.{program}.__main__").main(wrong)
    assert f"argument {wrong[0]}: expected a" in capsys.readouterr().err
