# SPDX-License-Identifier: Apache-2.0
"""ActiveConvolution has two paths, columns at sampling points and product maps moved as a whole, and sizes choose
between them. Beside lattice lines, where a derivative jumps and under `inside` a value, both take the same side: that
of the reference."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from operators import library
from operators.checks.backends import reference_of
from operators.checks.tolerance import assert_close
from operators.core.reference_bilinear import BOUNDARIES
from operators.for_numpy import Operator

HEADER = Path(library.__file__).parent / "active_conv" / "product_first_conv.h"
SETS = 4


def threshold(name: str) -> int:
    return int(re.search(rf"\b{name} = (\d+);", HEADER.read_text()).group(1))


def offsets(exponent: int, dtype) -> np.ndarray:
    """(SETS, 1, 1, 3, 2): a little before and after lattice lines, in the map, on its edges and just outside."""
    near = np.array([-1, 1]) * 2.0**-exponent
    values = np.concatenate([whole + near for whole in (0, 0, 0, -1, 1, -2, 3, 4, -5, 5, 6, 0)])
    return np.random.default_rng(exponent).permutation(values).reshape(SETS, 1, 1, 3, 2).astype(dtype)


def run(channels: int, per_set: int, exponent: int, rule: str, dtype, spare_channel=False, spare_filter=False):
    """Output and gradients of a 1 x 3 kernel on a 5 x 6 map. A spare channel or filter of each set is all zeros, in
    the output's gradient too, and left out of what comes back: it does nothing but change the sizes."""
    attributes = dict(kernel=(1, 3), pad=(1, 2), num_filter=SETS * per_set, num_offset_group=SETS, boundary=rule)
    operator = Operator("ActiveConvolution", **attributes)
    random = np.random.default_rng(1)
    kept_channels, kept = channels - spare_channel, per_set - spare_filter
    data, head = np.zeros((2, channels, 5, 6), dtype), np.zeros((2, SETS, per_set, 7, 8), dtype)
    weight, bias = np.zeros((SETS, per_set, channels, 1, 3), dtype), np.zeros((SETS, per_set), dtype)
    data[:, :kept_channels] = random.standard_normal((2, kept_channels, 5, 6))
    head[:, :, :kept] = random.standard_normal((2, SETS, kept, 7, 8))
    weight[:, :kept, :kept_channels] = random.standard_normal((SETS, kept, kept_channels, 1, 3))
    arrays = data, offsets(exponent, dtype), weight.reshape(-1, channels, 1, 3), bias.reshape(-1)
    flat_head = head.reshape(2, -1, 7, 8)
    results = {
        "kernels": (operator.forward(*arrays), operator.backward(flat_head, *arrays)),
        "reference": (
            reference_of("ActiveConvolution").forward(*arrays, **attributes),
            reference_of("ActiveConvolution").backward(flat_head, *arrays, **attributes),
        ),
    }
    for name, (out, (data_grad, offset_grad, weight_grad, bias_grad)) in results.items():
        results[name] = {
            "output": out.reshape(head.shape)[:, :, :kept],
            "data": data_grad[:, :kept_channels],
            "offset": offset_grad,
            "weight": weight_grad.reshape(weight.shape)[:, :kept, :kept_channels],
            "bias": bias_grad.reshape(bias.shape)[:, :kept],
        }
    return results["kernels"], results["reference"]


def assert_same(got: dict, want: dict, what: str):
    for name, array in got.items():
        assert_close(array, want[name].astype("float64"), f"{what}: {name}")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("rule", BOUNDARIES)
@pytest.mark.parametrize("exponent", range(10, 41))
def test_both_paths_take_the_same_side_of_a_line(exponent, rule, dtype):
    few = threshold("kLeastChannels")
    columns, reference = run(few - 1, 1, exponent, rule, dtype)
    products, _ = run(few, 1, exponent, rule, dtype, spare_channel=True)
    assert_same(columns, reference, "columns and the reference")
    assert_same(products, columns, "products first and columns")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("rule", BOUNDARIES)
@pytest.mark.parametrize("exponent", [10, 25, 40])
def test_backward_by_columns_after_forward_by_products(exponent, rule, dtype):
    """With many filters in a set only backward builds columns."""
    channels, many = threshold("kLeastChannels"), threshold("kManyFilters")
    products, reference = run(channels, many - 1, exponent, rule, dtype)
    columns, _ = run(channels, many, exponent, rule, dtype, spare_filter=True)
    assert_same(products, reference, "products first and the reference")
    assert_same(columns, products, "columns and products first")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("rule", BOUNDARIES)
@pytest.mark.parametrize("exponent", range(10, 41, 3))
def test_shift_takes_the_side_of_the_reference(exponent, rule, dtype):
    offset = offsets(exponent, dtype).reshape(-1, 2)
    random = np.random.default_rng(2)
    data, head = (random.standard_normal((2, len(offset), 5, 6)).astype(dtype) for _ in range(2))
    kernels, reference = Operator("Shift", boundary=rule), reference_of("Shift")
    assert_close(kernels.forward(data, offset), reference.forward(data, offset, boundary=rule), "output")
    want = reference.backward(head, data, offset, boundary=rule)
    for name, got, expected in zip(("data", "offset"), kernels.backward(head, data, offset), want):
        assert_close(got, expected, f"gradient of {name}")
