# SPDX-License-Identifier: Apache-2.0
"""Every operator in PyTorch computes what its room says, values and gradients, at every case of the room."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="PyTorch is not installed")

import torch_samples  # noqa: E402

from operators import for_torch, rooms  # noqa: E402
from operators.checks import agreement, torch_backends  # noqa: E402
from operators.core.reference_bilinear import BOUNDARIES  # noqa: E402
from operators.for_torch import mxnet_names, ops  # noqa: E402
from operators.library import descriptions  # noqa: E402
from operators.rooms import ROOMS  # noqa: E402


def all_cases():
    for operator in descriptions():
        for case in torch_samples.all_cases(operator):
            yield pytest.param(case, id=f"{case.operator}, {case.name}")


@pytest.mark.parametrize("room", ROOMS)
def test_every_room_has_a_file_here_that_serves_its_operators(room):
    module = ops.MODULES[room]
    assert set(module.MXNET) == {name for name, found in descriptions().items() if found.room == room}
    assert module.OPERATIONS and module.__all__
    for name in module.__all__:
        assert getattr(for_torch, name) is getattr(module, name) and name in for_torch.__all__


def test_there_is_no_file_without_a_room():
    folder = Path(ops.__file__).parent
    assert {path.stem for path in folder.glob("*.py")} - {"__init__"} == set(ROOMS) == set(ops.MODULES)


def test_every_operator_has_a_function():
    assert mxnet_names.names() == set(descriptions())


def test_a_room_without_a_file_here_fails(monkeypatch):
    """It is not skipped: the front does not even import."""
    monkeypatch.setattr(rooms, "ROOMS", [*ROOMS, "no_such_room"])
    with pytest.raises(ModuleNotFoundError, match="no_such_room"):
        runpy.run_path(ops.__file__)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", all_cases())
def test_equals_reference(case, dtype):
    boundaries = BOUNDARIES if "boundary" in descriptions()[case.operator].attributes else [""]
    for boundary in boundaries if dtype == "float64" else boundaries[:1]:
        agreement.check(torch_backends.on("cpu"), case, boundary, dtype)
