# SPDX-License-Identifier: Apache-2.0
"""Atrous spatial pyramid pooling as DeepLabV2 has it (Chen et al. 2016, arXiv 1606.00915)."""

from __future__ import annotations

from collections.abc import Sequence

import mxnet as mx


def aspp(data: mx.sym.Symbol, classes: int, rates: Sequence[int]) -> mx.sym.Symbol:
    """Scores (N, classes, H, W): the sum of one 3x3 classifier with bias per rate, `aspp_c0`, `aspp_c1`, ..., each
    dilated and padded by its rate."""
    made = [
        mx.sym.Convolution(
            data,
            name=f"aspp_c{number}",
            num_filter=classes,
            kernel=(3, 3),
            dilate=(rate, rate),
            pad=(rate, rate),
        )
        for number, rate in enumerate(rates)
    ]
    return mx.sym.add_n(*made, name="aspp")
