# SPDX-License-Identifier: Apache-2.0
"""What the convolutions share: geometry, parameters and the branch that computes offsets."""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn.utils.parametrize import is_parametrized

from operators.for_torch.arguments import given, number, padding_of, pair, share
from operators.library import OperatorError

GRID = "int[2] stride, int[2] padding, int[2] dilation, int groups"
NAMES = {
    "kernel": "kernel_size",
    "num_filter": "out_channels",
    "pad": "padding",
    "dilate": "dilation",
    "num_group": "groups",
    "num_deformable_group": "deformable_groups",
    "num_offset_group": "filter_offset_groups",
    "no_bias": "bias=None",
}


def grid_of(weight, bias, stride, padding, dilation, groups) -> dict:
    """The library's attributes for shapes (or None) and the settings of `GRID`."""
    return {
        "kernel": weight[2:],
        "num_filter": weight[0],
        "stride": stride,
        "pad": padding,
        "dilate": dilation,
        "num_group": groups,
        "no_bias": bias is None,
    }


def grid_from_mxnet(attributes: dict) -> dict:
    return given(attributes, stride="stride", padding="pad", dilation="dilate")


def output_shape(data, weight, settings) -> tuple:
    stride, padding, dilation = settings[:3]
    size = [(data[2 + i] + 2 * padding[i] - dilation[i] * (weight[2 + i] - 1) - 1) // stride[i] + 1 for i in (0, 1)]
    return (data[0], weight[0], *size)


def multiply_adds(data, weight, settings) -> int:
    """Twice the products of a convolution: its floating-point operations as torch.utils.flop_counter counts them."""
    images, filters, height, width = output_shape(data, weight, settings)
    return 2 * images * filters * height * width * weight[1] * weight[2] * weight[3]


def parameters_of(module: nn.Module, name: str) -> list:
    """The parameters behind module.<name>: itself, or those that a parametrization, torch.nn.utils.weight_norm,
    spectral_norm or prune has put in its place."""
    if is_parametrized(module, name):
        behind = module.parametrizations
        assert isinstance(behind, nn.ModuleDict)  # is_parametrized has seen it
        return list(behind[name].parameters())
    mine = module.named_parameters(recurse=False)
    return [parameter for key, parameter in mine if key == name or key.startswith(f"{name}_")]


class Convolution(nn.Module):
    """Geometry, `weight` and `bias` as torch.nn.Conv2d has them, initial values included."""

    def __init__(
        self, in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, boundary, device, dtype
    ):
        super().__init__()
        name = type(self).__name__
        self.in_channels = number(name, "in_channels", in_channels)
        self.out_channels = number(name, "out_channels", out_channels)
        self.groups = number(name, "groups", groups)
        self.kernel_size = pair(name, "kernel_size", kernel_size)
        self.stride = pair(name, "stride", stride)
        self.dilation = pair(name, "dilation", dilation)
        self.padding = padding_of(name, padding, self.kernel_size, self.stride, self.dilation)
        self.boundary = boundary
        per_group = share(name, "in_channels must be a multiple of groups", self.in_channels, self.groups)
        share(name, "out_channels must be a multiple of groups", self.out_channels, self.groups)
        where = {"device": device, "dtype": dtype}
        self.weight = nn.Parameter(torch.empty(self.out_channels, per_group, *self.kernel_size, **where))
        self.bias = nn.Parameter(torch.empty(self.out_channels, **where)) if bias else None

    offsets_decay = True  # whether param_groups gives the offset parameters weight decay

    def reset_parameters(self) -> None:
        """As torch.nn.Conv2d: Kaiming uniform with a = sqrt(5), bias uniform in 1 / sqrt(fan in)."""
        nn.init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            bound = 1 / math.sqrt(self.weight[0].numel())
            nn.init.uniform_(self.bias, -bound, bound)

    def grid(self) -> tuple:
        """The settings of `GRID`."""
        return (self.stride, self.padding, self.dilation, self.groups)

    def least_shapes(self) -> tuple:
        """Shapes of the least input that the kernel fits, of the weight, the bias (or None) and that output's map."""
        span = [self.dilation[i] * (self.kernel_size[i] - 1) + 1 - 2 * self.padding[i] for i in (0, 1)]
        input, weight = (1, self.in_channels, *(max(1, least) for least in span)), tuple(self.weight.shape)
        stride = tuple(max(1, step) for step in self.stride)
        size = output_shape(input, weight, (stride, self.padding, self.dilation))[2:]
        return input, weight, None if self.bias is None else (self.out_channels,), size

    def offset_parameters(self) -> list:
        """The parameters that `param_groups` gives a learning rate of their own."""
        raise NotImplementedError

    def extra_repr(self) -> str:
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"
        for name, plain in (("padding", (0, 0)), ("dilation", (1, 1)), ("groups", 1)):
            if getattr(self, name) != plain:
                text += f", {name}={getattr(self, name)}"
        return text + ("" if self.bias is not None else ", bias=False") + f", boundary={self.boundary!r}"


def offset_branch(module: Convolution, channels: int, dilation, device, dtype) -> nn.Conv2d:
    """A convolution with zero weights that gives `channels` numbers at every output position of `module`.

    dilation : None for that of the module; otherwise padding follows, so that both have outputs of the same size.
    """
    dilation = module.dilation if dilation is None else pair(type(module).__name__, "offset_dilation", dilation)
    padding = []
    for i in (0, 1):
        more = (dilation[i] - module.dilation[i]) * (module.kernel_size[i] - 1)
        if more % 2 or module.padding[i] + more // 2 < 0:
            raise OperatorError(
                f"{type(module).__name__}: with offset_dilation={dilation} no padding gives the offsets the size "
                f"of the output (kernel {module.kernel_size}, padding {module.padding}, dilation {module.dilation})"
            )
        padding.append(module.padding[i] + more // 2)
    return nn.Conv2d(
        module.in_channels,
        channels,
        module.kernel_size,
        module.stride,
        tuple(padding),
        dilation,
        device=device,
        dtype=dtype,
    )


def zero(branch: nn.Conv2d) -> None:
    """Makes it give zeros."""
    nn.init.zeros_(branch.weight)
    if branch.bias is not None:
        nn.init.zeros_(branch.bias)
