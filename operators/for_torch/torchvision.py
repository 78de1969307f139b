# SPDX-License-Identifier: Apache-2.0
"""torchvision.ops' names: import DeformConv2d and deform_conv2d from here instead, or call `install`.

torchvision itself is needed by `install` only, which finds it if it is there.
"""

from __future__ import annotations

import importlib
import importlib.util
import os

import torch

from operators import library
from operators.for_torch.convolution import Convolution
from operators.for_torch.ops.deform_conv import deform_conv2d, refuse_impossible
from operators.library import OperatorError

__all__ = ["DeformConv2d", "deform_conv2d", "install", "uninstall"]

_installed: list = []


class DeformConv2d(Convolution):
    """torchvision.ops.DeformConv2d: a deformable convolution called with its offsets, (input, offset, mask=None).

    in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias : as torch.nn.Conv2d
    boundary : as deform_conv2d

    The names in its state_dict, weight and bias, and their initial values are torchvision's.
    """

    def __init__(
        self,
        in_channels,
        out_channels,
        kernel_size,
        stride=1,
        padding=0,
        dilation=1,
        groups=1,
        bias=True,
        boundary="zero",
        device=None,
        dtype=None,
    ):
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, boundary, device, dtype
        )
        refuse_impossible(self, 1)
        self.reset_parameters()

    def forward(self, input, offset, mask=None):
        where = (self.stride, self.padding, self.dilation)
        return deform_conv2d(input, offset, self.weight, self.bias, *where, mask, self.boundary)


def install() -> bool:
    """Lets torchvision's own deform_conv2d and DeformConv2d run on the kernels of this library, on CPUs, and on GPUs if
    this build has CUDA kernels.

    They stay torchvision's in all else: signatures, autograd, autocast, TorchScript, ONNX. Functions imported before,
    compiled and scripted programs follow as well, since it is the operator torchvision::deform_conv2d whose kernels are
    replaced. `uninstall` puts them back.

    Returns whether torchvision is there; where it is not, nothing is done.
    """
    if importlib.util.find_spec("torchvision") is None:
        return False
    if not _installed:
        importlib.import_module("torchvision.ops")  # defines the operator
        kernels = torch.library.Library("torchvision", "IMPL")
        for device in ("CPU", *(["CUDA"] if os.path.exists(library.CUDA_LIBRARY_PATH) else [])):
            kernels.impl("deform_conv2d", _forward, device)
            kernels.impl("_deform_conv2d_backward", _backward, device)
        _installed.append(kernels)
    return True


def uninstall() -> None:
    """Undoes `install`."""
    while _installed:
        _installed.pop()._destroy()


def _arguments(input, weight, offset, mask, bias, where, groups, offset_groups, use_mask) -> tuple:
    """torchvision's arguments in the order of ours."""
    taps = weight.shape[2] * weight.shape[3]
    for name, tensor, numbers in (("offset", offset, 2), ("mask", mask, 1)):
        if (name == "offset" or use_mask) and tensor.shape[1] != numbers * offset_groups * taps:
            raise OperatorError(
                f"deform_conv2d: {name}.shape[1] is not valid: got {tensor.shape[1]}, expected {numbers} * offset "
                f"groups * kernel y * kernel x = {numbers * offset_groups * taps}"
            )
    stride, padding, dilation = ((where[i], where[i + 1]) for i in (0, 2, 4))
    tensors = (input, offset, mask if use_mask else None, weight, bias)
    return (*tensors, stride, padding, dilation, groups, offset_groups, 1, "zero")


def _forward(input, weight, offset, mask, bias, *rest):
    with torch._C._AutoDispatchBelowAutograd():
        return torch.ops.active_convnets.deform_conv2d(
            *_arguments(input, weight, offset, mask, bias, rest[:6], *rest[6:])
        )


def _backward(grad, input, weight, offset, mask, bias, *rest):
    use_mask = rest[-1]
    with torch._C._AutoDispatchBelowAutograd():
        found = torch.ops.active_convnets.deform_conv2d_backward(
            grad,
            *_arguments(input, weight, offset, mask, bias, rest[:6], *rest[6:]),
            [True, True, use_mask, True, True],
        )
    if not use_mask:
        found.insert(2, torch.zeros_like(mask))
    of_input, of_offset, of_mask, of_weight, of_bias = found
    return of_input, of_weight, of_offset, of_mask, of_bias
