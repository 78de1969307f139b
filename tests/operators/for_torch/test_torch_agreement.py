# SPDX-License-Identifier: Apache-2.0
"""Every operator in PyTorch computes what its room says, values and gradients, at every case of the room."""

from __future__ import annotations

import importlib

import pytest

pytest.importorskip("torch", reason="PyTorch is not installed")

from operators.checks import agreement, torch_backends  # noqa: E402
from operators.core.reference_bilinear import BOUNDARIES  # noqa: E402
from operators.for_torch import mxnet_names  # noqa: E402
from operators.library import descriptions  # noqa: E402
from operators.rooms import ROOMS  # noqa: E402


def all_cases():
    for room in ROOMS:
        module = importlib.import_module(f"operators.{room}.cases")
        for case in (case for key in dir(module) if key.endswith("CASES") for case in getattr(module, key)):
            yield pytest.param(case, id=f"{case.operator}, {case.name}")


def test_every_operator_has_a_function():
    assert mxnet_names.names() == set(descriptions())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", all_cases())
def test_equals_reference(case, dtype):
    boundaries = BOUNDARIES if "boundary" in descriptions()[case.operator].attributes else [""]
    for boundary in boundaries if dtype == "float64" else boundaries[:1]:
        agreement.check(torch_backends.on("cpu"), case, boundary, dtype)
