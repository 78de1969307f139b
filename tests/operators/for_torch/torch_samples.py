# SPDX-License-Identifier: Apache-2.0
"""A small call of every torch operator: its function and differentiable tensors, off the kinks."""

from __future__ import annotations

import torch

from operators import for_torch

BOXES = torch.tensor([[0, 1, 2, 9, 8], [1, 0, 0, 11, 9], [0, 5, 3, 20, 30]], dtype=torch.float64)


def _random(*shape):
    return torch.randn(*shape, dtype=torch.float64)


def _between_lines(*shape):
    return torch.randint(-2, 2, shape).double() + 0.2 + 0.6 * torch.rand(*shape, dtype=torch.float64)


def _active():
    tensors = (_random(2, 4, 5, 6), _between_lines(2, 2, 2, 3, 2), _random(6, 2, 2, 3), _random(6))
    return (lambda *t: for_torch.active_conv2d(*t, stride=(1, 2), padding=1, dilation=(2, 1), groups=2)), tensors


def _deformable():
    tensors = (_random(2, 4, 5, 6), _between_lines(2, 24, 6, 6), _random(6, 2, 2, 3), _random(6))
    return (lambda *t: for_torch.deform_conv2d(*t, padding=1)), tensors


def _modulated():
    tensors = (_random(2, 4, 5, 6), _between_lines(2, 18, 3, 3), _random(3, 4, 3, 3), _random(2, 9, 3, 3))
    return (lambda x, o, w, m: for_torch.deform_conv2d(x, o, w, None, 2, 1, mask=m)), tensors


def _shift():
    return (lambda x, o: for_torch.shift2d(x, o, boundary="border")), (_random(2, 3, 5, 6), _between_lines(3, 2))


def _ps_roi_pool():
    return (lambda x: for_torch.ps_roi_pool(x, BOXES.to(x), 3, 0.7)), (_random(2, 18, 10, 12),)


def _deform_ps_roi_pool():
    tensors = (_random(2, 18, 10, 12), 0.1 + 0.3 * torch.rand(3, 4, 3, 3, dtype=torch.float64))
    return (lambda x, t: for_torch.deform_ps_roi_pool(x, BOXES.to(x), t, 3, 0.7, 3, None, 2)), tensors


_MAKERS = {
    "active_conv2d": _active,
    "deform_conv2d": _deformable,
    "deform_conv2d with a mask": _modulated,
    "shift2d": _shift,
    "ps_roi_pool": _ps_roi_pool,
    "deform_ps_roi_pool": _deform_ps_roi_pool,
}
NAMES = list(_MAKERS)


def sample(name: str, dtype=torch.float64, requires_grad: bool = True):
    """(function, tensors): function(*tensors) is the result."""
    torch.manual_seed(7)
    function, tensors = _MAKERS[name]()
    return function, tuple(tensor.to(dtype).requires_grad_(requires_grad) for tensor in tensors)
