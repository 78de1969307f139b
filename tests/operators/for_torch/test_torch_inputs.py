# SPDX-License-Identifier: Apache-2.0
"""What may come in: strides, empty batches, dtypes, autocast; and what is refused, by name."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from torch_samples import DEFORMABLE, NAMES, sample  # noqa: E402

import operators  # noqa: E402
from operators.for_torch import (  # noqa: E402
    DynamicFilter2d,
    active_conv2d,
    deform_conv2d,
    deform_ps_roi_pool,
    ps_roi_pool,
    shift2d,
)
from operators.library import OperatorError  # noqa: E402

each = pytest.mark.parametrize("name", NAMES)


def transposed(tensor):
    return tensor.transpose(0, -1).contiguous().transpose(0, -1)


def strided(tensor):
    wide = torch.zeros(*tensor.shape[:-1], 2 * tensor.shape[-1] + 1, dtype=tensor.dtype)
    view = wide[..., 1::2]
    view.copy_(tensor)
    return view


def channels_last(tensor):
    return tensor.to(memory_format=torch.channels_last) if tensor.dim() == 4 else tensor


@each
@pytest.mark.parametrize("layout", [transposed, strided, channels_last])
def test_any_strides(name, layout):
    function, tensors = sample(name)
    want = function(*tensors)
    want_grads = torch.autograd.grad(want.sin().sum(), tensors)
    laid_out = [layout(tensor.detach()).requires_grad_() for tensor in tensors]
    got = function(*laid_out)
    assert got.is_contiguous() and torch.equal(got, want)
    grads = torch.autograd.grad(got.sin().sum(), laid_out)
    assert all(torch.equal(a, b) for a, b in zip(grads, want_grads))


def test_expanded_inputs_and_gradients():
    x = torch.randn(1, 2, 4, 4, dtype=torch.float64, requires_grad=True)
    offset, weight = torch.full((1, 18, 1, 1), 0.25, dtype=torch.float64), torch.randn(1, 1, 3, 3).double()
    call = lambda x, o, w: deform_conv2d(x, o, w, padding=1)  # noqa: E731
    got = call(x.expand(3, -1, -1, -1), offset.expand(3, -1, 4, 4), weight.expand(2, 2, 3, 3))
    want = call(x.repeat(3, 1, 1, 1), offset.repeat(3, 1, 4, 4), weight.repeat(2, 2, 1, 1))
    assert torch.equal(got, want)
    (grad,) = torch.autograd.grad(got.sum(), (x,))  # the gradient of a sum is an expanded 1
    torch.testing.assert_close(grad, torch.autograd.grad(want, (x,), torch.ones_like(want))[0])


def test_empty_batch():
    x = torch.randn(0, 2, 4, 5, requires_grad=True)
    weight, bias = torch.randn(3, 2, 3, 3, requires_grad=True), torch.randn(3, requires_grad=True)
    out = deform_conv2d(x, torch.zeros(0, 18, 4, 5), weight, bias, padding=1)
    assert out.shape == (0, 3, 4, 5)
    out.sum().backward()
    assert x.grad.shape == x.shape and not weight.grad.any() and not bias.grad.any()
    assert shift2d(x.detach(), torch.randn(2, 2)).shape == x.shape


def test_no_boxes():
    x = torch.randn(2, 9, 4, 5, requires_grad=True)
    out = ps_roi_pool(x, torch.zeros(0, 5), 3)
    assert out.shape == (0, 1, 3, 3)
    out.sum().backward()
    assert not x.grad.any()


@each
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_autocast_computes_in_float32(name, dtype):
    function, tensors = sample(name, torch.float32)
    want = function(*tensors)
    mixed = [
        tensor.detach().to(dtype if i == 0 else torch.float32).requires_grad_() for i, tensor in enumerate(tensors)
    ]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        got = function(*mixed)
    assert got.dtype is dtype
    torch.testing.assert_close(got.float(), want, rtol=0.05, atol=0.2 if dtype is torch.bfloat16 else 0)
    got.float().sum().backward()
    assert [tensor.grad.dtype for tensor in mixed] == [tensor.dtype for tensor in mixed]


@each
@pytest.mark.parametrize("dtype, step", [(torch.float16, 2**-11), (torch.bfloat16, 2**-8)])
def test_half_types_are_stored_in_16_bits_and_computed_in_float32(name, dtype, step):
    function, tensors = sample(name, dtype)
    results = []
    for kind in (dtype, torch.float32):
        given = [tensor.detach().to(kind).requires_grad_() for tensor in tensors]
        out = function(*given)
        # The same numbers come back, so that only the rounding of results is between the two.
        grad = torch.randn(out.shape, generator=torch.Generator().manual_seed(1)).to(dtype).to(kind)
        results.append((out, *torch.autograd.grad(out, given, grad)))
    for half, single in zip(*results):
        assert half.dtype is dtype
        assert torch.equal(half, single.to(dtype))
        assert single.abs().max() > 0 and (half.float() - single).abs().max() <= step * single.abs().max()


def test_half_types_through_layers_and_backward():
    from operators.for_torch import ActiveConv2d, ModulatedDeformConv2d, param_groups

    for dtype in (torch.float16, torch.bfloat16):
        torch.manual_seed(0)
        net = torch.nn.Sequential(ActiveConv2d(3, 8, 3), ModulatedDeformConv2d(8, 4, 3)).to(dtype)
        optimizer = torch.optim.SGD(param_groups(net, lr=0.1), lr=0.1)
        images, losses = torch.randn(2, 3, 12, 12, dtype=dtype), []
        for _ in range(8):
            loss = net(images).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        assert losses[-1] < 0.9 * losses[0]


def test_errors_are_of_the_kinds_that_others_catch():
    for kind in (ValueError, RuntimeError):
        with pytest.raises(kind, match="deform_conv2d: offset must have shape"):
            deform_conv2d(x(1, 4, 5, 5), x(1, 18, 5, 5), x(2, 4, 3, 3))


def test_autocast_leaves_float64():
    function, tensors = sample(DEFORMABLE)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert function(*tensors).dtype is torch.float64


def test_results_do_not_depend_on_threads_and_torchs_threads_stay():
    function, tensors = sample(DEFORMABLE, torch.float32)
    before, results = torch.get_num_threads(), []
    for count in (1, 3):
        operators.set_num_threads(count)
        results.append(torch.autograd.grad(function(*tensors).sum(), tensors))
    operators.set_num_threads(0)
    assert all(torch.equal(a, b) for a, b in zip(*results))
    assert torch.get_num_threads() == before


def x(*shape, dtype=torch.float32):
    return torch.zeros(*shape, dtype=dtype)


WRONG = [
    (lambda: deform_conv2d(x(1, 4, 5, 5).half(), x(1, 18, 5, 5), x(2, 4, 3, 3).half(), padding=1),
     "one dtype and one device, got input torch.float16 on cpu, offset torch.float32 on cpu, weight torch.float16"),
    (lambda: deform_conv2d(x(1, 4, 5, 5), x(1, 18, 5, 5).double(), x(2, 4, 3, 3), padding=1),
     "one dtype and one device, got input torch.float32 on cpu, offset torch.float64 on cpu, weight"),
    (lambda: deform_conv2d(x(1, 4, 5, 5), x(1, 18, 5, 5), x(2, 4, 3, 3)),
     "deform_conv2d: offset must have shape (1, 18, 3, 3)"),
    (lambda: deform_conv2d(x(1, 4, 5, 5), x(1, 20, 5, 5), x(2, 4, 3, 3)),
     "the channels of offset must be a multiple of 2 * filter_offset_groups * kernel y * kernel x, got 20 and 18"),
    (lambda: deform_conv2d(x(1, 4, 5, 5), x(1, 18, 5, 5), x(2, 3, 3, 3)),
     "the channels of input must be a multiple of weight.shape[1], got 4 and 3"),
    (lambda: deform_conv2d(x(4, 5), x(18, 5, 5), x(2, 4, 3, 3)), "input must have 4 dimensions (N, C, H, W), or 3"),
    (lambda: deform_conv2d(x(4, 5, 5), x(1, 18, 5, 5), x(2, 4, 3, 3), padding=1),
     "offset must have 3 dimensions because input is one image (C, H, W), got shape (1, 18, 5, 5)"),
    (lambda: deform_conv2d(x(1, 4, 5, 5), x(1, 18, 5, 5), x(2, 4, 3, 3), padding="full"),
     "'same' or 'valid', got 'full'"),
    (lambda: deform_conv2d(x(1, 4, 5, 5), x(1, 8, 5, 5), x(2, 4, 2, 2), padding="same"),
     "padding='same' needs stride 1 and the same padding on both sides, got stride (1, 1), kernel (2, 2)"),
    (lambda: active_conv2d(x(1, 4, 5, 5), x(1, 1, 3, 3, 2), x(2, 4, 3, 3), groups=1.5),
     "groups must be an integer, got 1.5"),
    (lambda: active_conv2d(x(1, 4, 5, 5), x(1, 1, 3, 3, 2), x(2, 4, 3, 3), groups=True),
     "groups must be an integer, got True"),
    (lambda: deform_conv2d(x(1, 4, 5, 5), x(1, 18, 5, 5), x(2, 4, 3, 3), padding=(1, True)),
     "padding must be an integer or a pair (y, x), got (1, True)"),
    (lambda: DynamicFilter2d(kernel_size=True), "kernel_size must be an integer or a pair (y, x), got True"),
    (lambda: deform_conv2d(x(1, 4, 5, 5), x(1, 18, 5, 5), x(2, 4, 3, 3), x(3), padding=1),
     "bias must have shape (2,)"),
    (lambda: deform_conv2d(x(1, 4, 5, 5), x(1, 18, 5, 5), x(2, 4, 3, 3), padding=1, mask=x(1, 18, 5, 5)),
     "mask must have shape (1, 9, 5, 5)"),
    (lambda: deform_conv2d(x(1, 4, 5, 5), x(1, 18, 5, 5), x(2, 4, 3, 3), padding=1, boundary="wrap"),
     "argument 'boundary' must be one of 'zero', 'inside', 'border', got 'wrap'"),
    (lambda: deform_conv2d(x(1, 4, 5, 5), x(1, 18, 5, 5), x(2, 4, 3, 3), stride=(1, 2, 3)),
     "stride must be an integer or a pair (y, x), got (1, 2, 3)"),
    (lambda: active_conv2d(x(1, 4, 5, 5), x(1, 1, 3, 3, 2), x(2, 4, 3, 3), groups=3),
     "active_conv2d: out_channels must be divisible by groups, got out_channels=2 and groups=3"),
    (lambda: active_conv2d(x(1, 4, 5, 5), x(3, 3, 2), x(2, 4, 3, 3)), "offset must have 5 dimensions"),
    (lambda: active_conv2d(x(1, 4, 5, 5), x(1, 1, 3, 3, 2), x(2, 4, 3, 3), fixed_taps=(9,)),
     "argument 'fixed_taps' must hold numbers from 0 to 8, got 9"),
    (lambda: shift2d(x(1, 4, 5, 5), x(3, 2)), "shift2d: offset must have shape (4, 2)"),
    (lambda: shift2d(x(1, 4, 5, 5).numpy(), x(4, 2)), "shift2d: input must be a tensor, got ndarray"),
    (lambda: shift2d(x(1, 4, 5, 5), offset=None), "shift2d: offset must be a tensor, got NoneType"),
    (lambda: shift2d(x(1, 4, 5, 5), x(4, 2), None), "shift2d: boundary must be a text, got None"),
    (lambda: deform_conv2d(x(1, 4, 5, 5), x(1, 18, 5, 5), x(2, 4, 3, 3), [0, 0], padding=1),
     "deform_conv2d: bias must be a tensor or None, got list"),
    (lambda: active_conv2d(x(1, 4, 5, 5), x(1, 1, 3, 3, 2), x(2, 4, 3, 3), normalize_grad=None),
     "active_conv2d: normalize_grad must be True or False, got None"),
    (lambda: ps_roi_pool(x(1, 9, 5, 5), x(2, 5), 3, "1"), "ps_roi_pool: spatial_scale must be a number, got '1'"),
    (lambda: shift2d(x(1, 4, 5, 5, dtype=torch.int32), x(4, 2, dtype=torch.int32)),
     "shift2d: input must be one of torch.float32, torch.float64, torch.float16, torch.bfloat16, got torch.int32"),
    (lambda: ps_roi_pool(x(1, 9, 5, 5), x(2, 4), 3), "ps_roi_pool: boxes must have shape (R, 5), got (2, 4)"),
    (lambda: ps_roi_pool(x(1, 8, 5, 5), x(2, 5), 3), "must be a multiple of group_size^2, got 8 and 9"),
    (lambda: ps_roi_pool(x(1, 9, 5, 5), x(2, 5), (3, 2)), "output_size must be square, got (3, 2)"),
    (lambda: ps_roi_pool(x(1, 9, 5, 5), torch.full((2, 5), 3.0), 3), "ps_roi_pool: the image of a region must be"),
    (lambda: deform_ps_roi_pool(x(1, 9, 5, 5), x(2, 5), x(3, 2, 3, 3), 3), "trans must have shape (2, 2 * classes, 3"),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(WRONG)))
def test_wrong_arguments_are_named(number):
    call, message = WRONG[number]
    with pytest.raises(OperatorError) as caught:
        call()
    assert message in str(caught.value)
