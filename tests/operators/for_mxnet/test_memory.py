# SPDX-License-Identifier: Apache-2.0
"""Steps leave nothing behind: neither arrays nor operators."""

from __future__ import annotations

import mxnet as mx
import numpy as np
import pytest
from neighbours import OPERATORS

from operators.for_mxnet import gluon

PAGE, MIB = 4096, 1 << 20


def _resident_bytes() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * PAGE


@pytest.mark.parametrize("static", [None, False, True])
@pytest.mark.parametrize("operator", OPERATORS)
def test_memory_stays_flat(operator, static):
    """A step handles about 1 MiB of arrays, so one array kept per step would show."""
    layer = gluon.Shift() if operator == "Shift" else getattr(gluon, operator)(16, 3, padding=1)
    layer.initialize()
    if static is not None:
        layer.hybridize(static_alloc=static, static_shape=static)
    x = mx.nd.array(np.random.RandomState(0).randn(1, 16, 64, 64))
    sizes = []
    for step in range(200):
        with mx.autograd.record():
            loss = layer(x).sum()
        loss.backward()
        loss.wait_to_read()
        if step in (100, 199):
            mx.nd.waitall()
            sizes.append(_resident_bytes())
    assert sizes[1] - sizes[0] < 8 * MIB
