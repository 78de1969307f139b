# SPDX-License-Identifier: Apache-2.0
"""Gluon layers. The deformable ones own the branch that computes their offsets, as MXNet's gluon.contrib.cnn layers do,
with the same parameter names, so that parameter files fit both."""

from __future__ import annotations

from functools import partial
from numbers import Integral

from operators.for_mxnet import nd, sym
from operators.for_mxnet.initial import INITIAL

import mxnet as mx  # isort: skip
from mxnet.gluon import HybridBlock, nn  # isort: skip

__all__ = ["ActiveConvolution", "DeformableConvolution", "ModulatedDeformableConvolution", "Shift"]


def _pair(value) -> tuple:
    return (value, value) if isinstance(value, Integral) else tuple(value)


def _operator(block: HybridBlock, F, name: str):
    """The layer's operator, its node called `<prefix>fwd`: a symbol gets the prefix from the name scope."""
    if F is mx.nd:
        return partial(getattr(nd, name), name=block.prefix + "fwd")
    return partial(getattr(sym, name), name="fwd")


class _Conv(HybridBlock):
    """What the layers share: geometry, weight, bias, activation."""

    def __init__(
        self,
        channels,
        kernel_size,
        strides,
        padding,
        dilation,
        groups,
        use_bias,
        in_channels,
        activation,
        weight_initializer,
        bias_initializer,
        names,
        **attributes,
    ):
        super().__init__(**{k: attributes.pop(k) for k in ("prefix", "params") if k in attributes})
        kernel = _pair(kernel_size)
        self._grid = {"kernel": kernel, "stride": _pair(strides), "dilate": _pair(dilation), "pad": _pair(padding)}
        self._attributes = dict(self._grid, num_filter=channels, num_group=groups, no_bias=not use_bias, **attributes)
        weight, bias = names
        with self.name_scope():
            shape = (channels, in_channels // groups) + kernel
            parameter = self.params.get(weight, shape=shape, init=weight_initializer, allow_deferred_init=True)
            setattr(self, weight, parameter)
            if use_bias:
                parameter = self.params.get(bias, shape=(channels,), init=bias_initializer, allow_deferred_init=True)
            setattr(self, bias, parameter if use_bias else None)
            self.act = nn.Activation(activation, prefix=activation + "_") if activation else None

    def _activated(self, result):
        return self.act(result) if self.act else result


class ActiveConvolution(_Conv):
    """2-D convolution whose taps learn where to look; input (N, C, H, W), output (N, channels, H', W').

    Parameters
    ----------
    channels, kernel_size, strides, padding, dilation, groups, use_bias, in_channels, activation,
    weight_initializer, bias_initializer
        As gluon.nn.Conv2D.
    num_offset_group, num_deformable_group, boundary, normalize_grad, offset_lr_rate, fixed_taps
        As the operator ActiveConvolution.
    offset_initializer : default zeros, an ordinary convolution.
    offset_lr_mult : float, default 1. Learning-rate multiplier of the offsets.

    The parameter `offset` has shape (num_offset_group, num_deformable_group, kernel y, kernel x, 2), dy and dx in
    pixels, and no weight decay.
    """

    def __init__(
        self,
        channels,
        kernel_size,
        strides=1,
        padding=0,
        dilation=1,
        groups=1,
        num_offset_group=1,
        num_deformable_group=1,
        boundary="zero",
        normalize_grad=False,
        offset_lr_rate=1.0,
        fixed_taps=(),
        use_bias=True,
        in_channels=0,
        activation=None,
        weight_initializer=None,
        bias_initializer="zeros",
        offset_initializer=None,
        offset_lr_mult=1.0,
        prefix=None,
        params=None,
    ):
        super().__init__(
            channels,
            kernel_size,
            strides,
            padding,
            dilation,
            groups,
            use_bias,
            in_channels,
            activation,
            weight_initializer,
            bias_initializer,
            ("weight", "bias"),
            num_offset_group=num_offset_group,
            num_deformable_group=num_deformable_group,
            boundary=boundary,
            normalize_grad=normalize_grad,
            offset_lr_rate=offset_lr_rate,
            fixed_taps=fixed_taps,
            prefix=prefix,
            params=params,
        )
        with self.name_scope():
            self.offset = self.params.get(
                "offset",
                shape=(num_offset_group, num_deformable_group) + self._grid["kernel"] + (2,),
                init=offset_initializer or INITIAL["ActiveConvolution", "offset"],
                lr_mult=offset_lr_mult,
                wd_mult=0.0,
            )

    def hybrid_forward(self, F, x, offset, weight, bias=None):
        operator = _operator(self, F, "ActiveConvolution")
        return self._activated(operator(x, offset, weight, bias, **self._attributes))


class DeformableConvolution(_Conv):
    """2-D deformable convolution with its own offset branch; input (N, C, H, W), output (N, channels, H', W').

    Parameters
    ----------
    channels ... bias_initializer
        As gluon.nn.Conv2D.
    num_deformable_group, layout, boundary
        As the operator DeformableConvolution; arguments of MXNet's own layer stand where they stand there.
    offset_weight_initializer, offset_bias_initializer : default zeros, an ordinary convolution at the start.
    offset_use_bias : bool, default True
    offset_lr_mult : float, default 1. Learning-rate multiplier of the offset branch.
    num_offset_group : int, default 1. Offset sets that split the filters.
    """

    _name_of_operator, _numbers_per_tap, _boundary = "DeformableConvolution", 2, "inside"

    def __init__(
        self,
        channels,
        kernel_size=(1, 1),
        strides=(1, 1),
        padding=(0, 0),
        dilation=(1, 1),
        groups=1,
        num_deformable_group=1,
        layout="NCHW",
        use_bias=True,
        in_channels=0,
        activation=None,
        weight_initializer=None,
        bias_initializer="zeros",
        offset_weight_initializer="zeros",
        offset_bias_initializer="zeros",
        offset_use_bias=True,
        boundary=None,
        offset_lr_mult=1.0,
        num_offset_group=1,
        prefix=None,
        params=None,
    ):
        super().__init__(
            channels,
            kernel_size,
            strides,
            padding,
            dilation,
            groups,
            use_bias,
            in_channels,
            activation,
            weight_initializer,
            bias_initializer,
            ("deformable_conv_weight", "deformable_conv_bias"),
            num_deformable_group=num_deformable_group,
            num_offset_group=num_offset_group,
            layout=layout,
            boundary=boundary or self._boundary,
            prefix=prefix,
            params=params,
        )
        kernel = self._grid["kernel"]
        points = num_offset_group * num_deformable_group * kernel[0] * kernel[1]
        self._split = 2 * points
        self._branch = dict(
            self._grid, num_filter=self._numbers_per_tap * points, num_group=groups, no_bias=not offset_use_bias
        )
        with self.name_scope():
            common = {"lr_mult": offset_lr_mult, "allow_deferred_init": True}
            shape = (self._branch["num_filter"], in_channels // groups) + kernel
            self.offset_weight = self.params.get("offset_weight", shape=shape, init=offset_weight_initializer, **common)
            self.offset_bias = (
                self.params.get("offset_bias", shape=shape[:1], init=offset_bias_initializer, **common)
                if offset_use_bias
                else None
            )

    def hybrid_forward(self, F, x, offset_weight, deformable_conv_weight, offset_bias=None, deformable_conv_bias=None):
        branch = F.Convolution(x, offset_weight, offset_bias, name="offset", **self._branch)
        operator = _operator(self, F, self._name_of_operator)
        result = operator(x, *self._points(F, branch), deformable_conv_weight, deformable_conv_bias, **self._attributes)
        return self._activated(result)

    def _points(self, F, branch):
        return (branch,)

    def _alias(self):
        return "deformable_conv"


class ModulatedDeformableConvolution(DeformableConvolution):
    """As DeformableConvolution, and the branch also computes a mask, 2 * sigmoid, which starts at 1."""

    _name_of_operator, _numbers_per_tap, _boundary = "ModulatedDeformableConvolution", 3, "zero"

    def _points(self, F, branch):
        offset = F.slice_axis(branch, axis=1, begin=0, end=self._split)
        mask = F.slice_axis(branch, axis=1, begin=self._split, end=None)
        return offset, 2 * F.sigmoid(mask)

    def _alias(self):
        return "modulated_deformable_conv"


class Shift(HybridBlock):
    """Reads every channel at its own learned displacement; input and output (N, in_channels, H, W).

    Parameters
    ----------
    in_channels : int, 0 to find out from the first input.
    boundary : 'zero', 'inside' or 'border', default zero.
    offset_initializer : default Uniform(1), which spreads the channels over the eight neighbours.
    offset_lr_mult : float, default 1.
    """

    def __init__(
        self, in_channels=0, boundary="zero", offset_initializer=None, offset_lr_mult=1.0, prefix=None, params=None
    ):
        super().__init__(prefix=prefix, params=params)
        self._boundary = boundary
        with self.name_scope():
            self.offset = self.params.get(
                "offset",
                shape=(in_channels, 2),
                init=offset_initializer or INITIAL["Shift", "offset"],
                lr_mult=offset_lr_mult,
                wd_mult=0.0,
                allow_deferred_init=True,
            )

    def hybrid_forward(self, F, x, offset):
        return _operator(self, F, "Shift")(x, offset, boundary=self._boundary)
