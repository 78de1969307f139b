# SPDX-License-Identifier: Apache-2.0
"""Steps leave nothing behind: neither arrays nor operators."""

from __future__ import annotations

import mxnet as mx
import pytest
from neighbours import wide_sample
from samples import OPERATORS, Layer

PAGE, MIB = 4096, 1 << 20


def _resident_bytes() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * PAGE


@pytest.mark.parametrize("static", [None, False, True])
@pytest.mark.parametrize("operator", OPERATORS)
def test_memory_stays_flat(operator, static):
    """A step handles more than 1/4 MiB of arrays, so one array kept per step would show in every stretch of steps; what
    the process has grown by once, whoever in it did, shows in one."""
    one = wide_sample(operator, (1, 64, 64))
    layer, inputs = Layer(one), one.ndarrays("float32")
    assert sum(array.size * 4 for array in inputs.values()) > MIB / 4
    for array in inputs.values():
        array.attach_grad()
    if static is not None:
        layer.hybridize(static_alloc=static, static_shape=static)
    sizes = []
    for step in range(200):
        with mx.autograd.record():
            loss = layer(*inputs.values()).sum()
        loss.backward()
        mx.nd.waitall()  # else a slow machine has more steps under way at the end than in the middle
        if step in (50, 125, 199):
            sizes.append(_resident_bytes())
    assert min(sizes[1] - sizes[0], sizes[2] - sizes[1]) < 8 * MIB
