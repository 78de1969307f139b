# SPDX-License-Identifier: Apache-2.0
"""DeepLab whose res5 looks where the features tell it to (Dai et al. 2017, arXiv 1703.06211)."""

from __future__ import annotations

import mxnet as mx

from lib.nets.operators import DeformableConvolution
from lib.nets.res5 import bounded, convolution, geometry, offset_branch, predicted_points, sampling


def res5_branch2b(data, name, num_filter, net, stride):
    """Deformable convolution; the convolution `<name>_offset` gives (y, x) for every tap at every position."""
    return _deformable(data, name, num_filter, net, stride)


def undeformed_weight_gradient(data, name, num_filter, net, stride):
    """The same, but the gradient of its weight is that of an ordinary convolution of the data (`faults` in a
    configuration). Value and all other gradients are the same: what is added is x - x, whose gradient is that of x."""
    weight = mx.sym.var(f"{name}_weight")
    y = _deformable(data, name, num_filter, net, stride, weight=mx.sym.BlockGrad(weight))
    plain = convolution(mx.sym.BlockGrad(data), f"{name}_undeformed", num_filter, net, stride, weight=weight)
    return mx.sym.elemwise_add(y, plain - mx.sym.BlockGrad(plain), name=f"{name}_and_undeformed")


def _deformable(data, name, num_filter, net, stride, **weight):
    offset = offset_branch(data, name, 2 * predicted_points(net), net, stride)
    offset = bounded(offset, name, net)
    return DeformableConvolution(
        data=data, offset=offset, name=name, **weight, **geometry(num_filter, net, stride), **sampling(net)
    )
