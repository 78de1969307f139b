# SPDX-License-Identifier: Apache-2.0
"""What stands beside conv3_1: nothing, the LS-DFN block, or ordinary convolutions with as many parameters."""

from __future__ import annotations

import mxnet as mx

from flow.symbols import layers
from lib.nets.dynamic_filter import beside, control_beside


def third(x: mx.sym.Symbol, net) -> mx.sym.Symbol:
    """conv3_1's map `x` (N, 4 * width, H, W) and, concatenated, what net.kind makes of it.

    conv4 reads all of it, and so does the decoder where it comes back to this size: the skip from the block to "the
    corresponding upsampling layer" (Wu et al. 2018), which the paper does not draw.
    """
    if net.kind == "lsdfn":
        return beside(x, x, "lsdfn", net.lsdfn)
    if net.kind == "control":
        return control_beside(x, x, 4 * net.width, net.lsdfn, layers.leaky)
    return x
