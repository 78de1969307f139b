# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="PyTorch is not installed")

from classify.schema import Config  # noqa: E402
from examples.two_frameworks import digits  # noqa: E402
from examples.two_frameworks.__main__ import main  # noqa: E402
from lib.engines import open_engine  # noqa: E402


def test_both_frameworks_do_the_same_steps(tmp_path, capsys):
    differences = main(["--steps", "3", "--batch", "2", "--out", str(tmp_path / "plots" / "losses.png")])
    assert differences["digits, float64"] < 1e-10
    assert differences["4 x 5 map, float32"] < 1e-6
    assert differences["digits, float32"] < 0.1
    assert (tmp_path / "plots" / "losses.png").stat().st_size > 10_000
    assert "largest difference" in capsys.readouterr().out


def test_the_network_is_that_of_the_slides():
    cfg = Config(engine="torch", gpus="")
    with open_engine(cfg) as engine:
        engine.build(digits.problem(1, 1).network)
        assert sum(values.size for values in engine.parameters()[0].values()) == 262_876
