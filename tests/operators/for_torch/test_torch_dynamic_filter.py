# SPDX-License-Identifier: Apache-2.0
"""What is particular to the dynamic filter in PyTorch: its defaults, its module, its refusals."""

from __future__ import annotations

import re
from functools import partial

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from operators.for_torch import DynamicFilter2d, dynamic_filter2d  # noqa: E402
from operators.library import OperatorError  # noqa: E402


def tensors(channels=3, filters=2, taps=9, samples=25, size=(2, 6, 7)):
    torch.manual_seed(0)
    batch, height, width = size
    maps = (channels, filters * channels, filters * taps, taps, samples)
    return [torch.randn(batch, count, height, width, dtype=torch.float64) for count in maps]


def test_the_defaults_are_the_papers():
    given = tensors()
    out = dynamic_filter2d(*given)
    assert out.shape == (2, 2, 6, 7)
    paper = {"kernel_size": 3, "samples": 5, "sample_stride": 3, "dilation": 1, "fusion": "sum", "residual": True}
    torch.testing.assert_close(dynamic_filter2d(*given, **paper, attention_at="sample", softmax=False), out)
    assert not torch.allclose(dynamic_filter2d(*given, residual=False), out)
    torch.testing.assert_close(dynamic_filter2d(*given, fusion="mean"), out / 25)


def test_one_image_and_the_module():
    given = tensors(taps=6, samples=6)
    settings = {"kernel_size": (3, 2), "samples": (2, 3), "sample_stride": 2}
    out = dynamic_filter2d(*given, **settings)
    torch.testing.assert_close(dynamic_filter2d(*(each[0] for each in given), **settings), out[0])
    module = DynamicFilter2d(**settings)
    torch.testing.assert_close(module(*given), out)
    assert "samples=(2, 3)" in repr(module) and not list(module.parameters())


def test_the_module_in_torchscript():
    given = tensors(taps=6, samples=6)
    module = DynamicFilter2d((3, 2), samples=(2, 3), fusion="mean", residual=False, attention_at="output", softmax=True)
    torch.testing.assert_close(torch.jit.script(module)(*given), module(*given), rtol=0, atol=0)


def test_the_gradient_of_a_tensor_alone_is_the_same():
    given = tensors()
    want = torch.autograd.grad(dynamic_filter2d(*(t.requires_grad_() for t in given)).square().sum(), given)
    for i, gradient in enumerate(want):
        one = [t.detach().requires_grad_(i == j) for j, t in enumerate(given)]
        (got,) = torch.autograd.grad(dynamic_filter2d(*one).square().sum(), one[i : i + 1])
        torch.testing.assert_close(got, gradient)


def test_derivatives_do_not_need_the_memory_of_steps_that_leave_the_map():
    """Forward mode pads the map; with samples or taps a million pixels apart that would be terabytes."""
    given = tensors()
    primal = (given[0],)
    for far in ({"sample_stride": 1 << 20}, {"dilation": (1, 1 << 20)}):
        out, tangent = torch.func.jvp(partial(filtered, given[1:], far), primal, primal)
        torch.testing.assert_close(out, dynamic_filter2d(*given, **far))
        torch.testing.assert_close(tangent, out)  # it is linear in data


def filtered(others, settings, data):
    return dynamic_filter2d(data, *others, **settings)


def changed(number, shape):
    given = tensors()
    given[number] = torch.zeros(shape, dtype=torch.float64)
    return given


@pytest.mark.parametrize(
    "given, settings, said",
    [
        (tensors(), {"kernel_size": 5}, "spatial_kernel must have shape (2, 50, 6, 7) (N, C' * taps, H, W)"),
        (tensors(), {"samples": 3}, "sample_attention must have shape (2, 9, 6, 7)"),
        (tensors(), {"samples": "3x3"}, "samples must be an integer or a pair (y, x), got '3x3'"),
        (tensors(), {"dilation": 0}, "argument 'dilation' must hold integers of 1 to 1048576, got (0, 0)"),
        (tensors(), {"fusion": "max"}, "argument 'fusion' must be one of 'sum', 'mean', got 'max'"),
        (changed(1, (2, 7, 6, 7)), {}, "channels of channel_kernel must be a multiple of those of data, got 7 and 3"),
        (changed(1, (2, 6, 42)), {}, "channel_kernel must have 4 dimensions (N, channels, H, W), got shape (2, 6, 42)"),
        (changed(0, (3, 6)), {}, "data must have 4 dimensions"),
        (changed(0, (3, 6, 7)), {}, "channel_kernel must have 3 dimensions because data is one image (C, H, W)"),
        (changed(3, (2, 9, 6, 6)), {}, "position_attention must have shape (2, 9, 6, 7)"),
        (changed(4, (1, 25, 6, 7)), {}, "sample_attention must have shape (2, 25, 6, 7)"),
    ],
)
def test_what_cannot_be_is_refused_by_name(given, settings, said):
    with pytest.raises(OperatorError, match="dynamic_filter2d: .*" + re.escape(said)):
        dynamic_filter2d(*given, **settings)


def test_a_module_that_cannot_be_is_refused_when_it_is_made():
    with pytest.raises(OperatorError, match="DynamicFilter2d: .*'kernel_size' must hold integers of 1"):
        DynamicFilter2d(kernel_size=0)
