# SPDX-License-Identifier: Apache-2.0
"""DeepLab whose res5 looks where the features tell it to (Dai et al. 2017, arXiv 1703.06211)."""

from __future__ import annotations

import mxnet as mx

from lib.nets.looking import deformable
from lib.nets.res5 import convolution

res5_branch2b = deformable


def undeformed_weight_gradient(data, name, num_filter, net, stride):
    """The same, but the gradient of its weight is that of an ordinary convolution of the data (`faults` in a
    configuration). Value and all other gradients are the same: what is added is x - x, whose gradient is that of x."""
    weight = mx.sym.var(f"{name}_weight")
    y = deformable(data, name, num_filter, net, stride, weight=mx.sym.BlockGrad(weight))
    plain = convolution(mx.sym.BlockGrad(data), f"{name}_undeformed", num_filter, net, stride, weight=weight)
    return mx.sym.elemwise_add(y, plain - mx.sym.BlockGrad(plain), name=f"{name}_and_undeformed")
