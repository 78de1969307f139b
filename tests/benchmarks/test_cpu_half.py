# SPDX-License-Identifier: Apache-2.0
"""The comparison of half types with float32 on a CPU runs, forward and backward, for every operator that it names."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from benchmarks import cpu_half  # noqa: E402


def test_every_operator_is_timed(monkeypatch):
    for name, size in {"CHANNELS": 4, "FILTERS": 4, "HEIGHT": 5, "WIDTH": 6}.items():
        monkeypatch.setattr(cpu_half, name, size)
    for name, (function, tensors) in cpu_half.operators().items():
        row = cpu_half.row(name, function, tensors, torch.bfloat16, rounds=1)
        assert row["operator"] == name
        assert row["seconds"].keys() == {"float32", "autocast", "half"} and min(row["seconds"].values()) > 0
        assert row["times float32"]["autocast"] > 0 and row["times float32"]["half"] > 0
