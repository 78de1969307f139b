# SPDX-License-Identifier: Apache-2.0
"""Derivatives in every mode and order, of every operator: right, or refused by name. Never 0 or None."""

from __future__ import annotations

import warnings

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

import torch.autograd.forward_ad as forward_ad  # noqa: E402
from torch import func  # noqa: E402
from torch.autograd import gradcheck, gradgradcheck  # noqa: E402
from torch_samples import DEFORMABLE, NAMES, all_cases, call, sample  # noqa: E402

from operators.checks import inputs as draw  # noqa: E402
from operators.core.reference_bilinear import BOUNDARIES  # noqa: E402
from operators.for_torch import active_conv2d, deform_conv2d, ps_roi_pool  # noqa: E402
from operators.library import OperatorError, descriptions  # noqa: E402

each = pytest.mark.parametrize("name", NAMES)


@each
def test_forward_mode(name):
    function, tensors = sample(name)
    assert gradcheck(function, tensors, check_forward_ad=True, check_batched_forward_grad=True, fast_mode=True)


@each
def test_second_derivatives(name):
    function, tensors = sample(name)
    assert gradgradcheck(function, tensors, check_fwd_over_rev=True, fast_mode=True)


def cases():
    for operator, description in descriptions().items():
        for boundary in BOUNDARIES if "boundary" in description.attributes else [""]:
            for case in (case for case in all_cases(operator) if set(case.no_derivative) <= {"rois"} and not case.busy):
                yield pytest.param(case.at(boundary), id=f"{case.operator}, {case.name}, {boundary}")


@pytest.mark.parametrize(
    "offsets, dtype",
    [
        (draw.between_lines, torch.float32),
        (draw.between_lines, torch.float64),
        (draw.on_lines, torch.float64),
        (draw.special, torch.float64),
    ],
)
@pytest.mark.parametrize("case", cases())
def test_the_torch_operations_are_the_kernels(case, offsets, dtype):
    """Values and gradients, kinks included, where both are finite; a NaN of the kernels is one there."""
    function, tensors = call(case, dtype, offsets=offsets)
    out = function(*tensors)
    out_grad = torch.randn(out.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64).to(dtype)
    want = (out, *torch.autograd.grad(out, tensors, out_grad))
    with forward_ad.dual_level():
        out = function(*tensors)
        got = (out, *torch.autograd.grad(out, tensors, out_grad))
    assert out.grad_fn.name() != want[0].grad_fn.name()
    for ours, theirs in zip(got, want):
        assert not (theirs.isnan() & ~ours.isnan()).any()
        both = ours.isfinite() & theirs.isfinite()
        largest = theirs[both].abs().max().item() if both.any() else 0
        torch.testing.assert_close(
            ours[both], theirs[both], rtol=0, atol=largest * (1e-5 if dtype.itemsize == 4 else 1e-12)
        )


@each
def test_second_derivatives_in_float32(name):
    def second(dtype):
        function, tensors = sample(name, dtype)
        (first,) = torch.autograd.grad(function(*tensors).square().sum(), tensors[:1], create_graph=True)
        return torch.autograd.grad(first.sin().sum(), tensors)

    for single, double in zip(second(torch.float32), second(torch.float64)):
        assert single.dtype is torch.float32
        torch.testing.assert_close(single.double(), double, rtol=0, atol=1e-4 * double.abs().max().item())


@each
def test_every_way_to_a_hessian_gives_the_same(name):
    function, tensors = sample(name, requires_grad=False)
    number = min(range(len(tensors)), key=lambda i: tensors[i].numel())

    def loss(value):
        return function(*tensors[:number], value, *tensors[number + 1 :]).square().sum()

    value = tensors[number]
    if value.numel() > 60:
        piece = value.flatten()[:8].clone()
        whole, loss_of_whole = value.flatten(), loss
        loss, value = lambda part: loss_of_whole(torch.cat([part, whole[8:]]).view(tensors[number].shape)), piece
    want = torch.autograd.functional.hessian(loss, value)
    assert want.abs().max() > 0
    ways = [
        func.hessian,
        *(lambda f, a=a, b=b: a(b(f)) for a in (func.jacfwd, func.jacrev) for b in (func.jacfwd, func.jacrev)),
    ]
    for way in ways:
        torch.testing.assert_close(way(loss)(value), want, rtol=0, atol=1e-11 * want.abs().max().item())


@each
def test_third_derivatives(name):
    function, tensors = sample(name)
    x = tensors[0]
    (first,) = torch.autograd.grad((function(*tensors) ** 4).sum(), x, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), x, create_graph=True)
    (third,) = torch.autograd.grad(second.sum(), x)

    def along(step):
        return (function(x.detach() + step, *tensors[1:]) ** 4).sum()

    # The same derivative in every direction at once, by forward mode only.
    def slope(f):
        return lambda t: func.jvp(f, (t,), (torch.ones_like(t),))[1]

    zero = torch.zeros((), dtype=x.dtype)
    torch.testing.assert_close(third.sum(), slope(slope(slope(along)))(zero), rtol=1e-9, atol=1e-9)


@each
def test_jvp_and_vjp_are_transposed(name):
    function, tensors = sample(name, requires_grad=False)
    tangents = tuple(torch.randn_like(tensor) for tensor in tensors)
    out, moved = func.jvp(function, tensors, tangents)
    want, pull = func.vjp(function, *tensors)
    torch.testing.assert_close(out, want)
    grad = torch.randn_like(out)
    back = sum((a * b).sum() for a, b in zip(pull(grad), tangents))
    torch.testing.assert_close((moved * grad).sum(), back)


@each
@pytest.mark.parametrize("axis", [0, 1])
def test_vmap_over_each_input(name, axis):
    function, tensors = sample(name, requires_grad=False)
    for i in range(len(tensors)):
        one = lambda value: function(*tensors[:i], value, *tensors[i + 1 :])  # noqa: B023, E731
        grad = func.grad(lambda value: one(value).square().sum())  # noqa: B023
        batch = [tensors[i] * factor for factor in (1.0, 0.75, 1.125)]
        for mapped in (one, grad):
            got = torch.vmap(mapped, in_dims=axis)(torch.stack(batch, axis))
            torch.testing.assert_close(got, torch.stack([mapped(value) for value in batch]), rtol=0, atol=0)


def test_vmap_over_several_inputs_at_once():
    function, tensors = sample(DEFORMABLE, requires_grad=False)
    batches = [torch.stack([tensor, 1.5 * tensor]) for tensor in tensors]
    got = torch.vmap(function)(*batches)
    torch.testing.assert_close(got, torch.stack([function(*[batch[i] for batch in batches]) for i in (0, 1)]))
    nested = torch.vmap(torch.vmap(lambda x: function(x, *tensors[1:])))(torch.stack([batches[0]] * 3))
    torch.testing.assert_close(nested[2], torch.vmap(lambda x: function(x, *tensors[1:]))(batches[0]))


def test_vmap_makes_one_call_of_a_batch_of_images(monkeypatch):
    from operators.for_torch import cpu

    calls, original = [], cpu.forward
    monkeypatch.setattr(cpu, "forward", lambda *args: calls.append(1) or original(*args))
    function, tensors = sample(DEFORMABLE, requires_grad=False)
    torch.vmap(lambda x: function(x, *tensors[1:]))(torch.stack([tensors[0]] * 5))
    assert len(calls) == 1


def test_vmap_over_nothing():
    x, offset, weight = torch.zeros(0, 2, 3, 5, 5), torch.zeros(2, 18, 5, 5), torch.zeros(4, 3, 3, 3)
    out = torch.vmap(lambda x: deform_conv2d(x, offset, weight, padding=1))(x)
    assert out.shape == (0, 2, 4, 5, 5)
    with pytest.raises(NotImplementedError, match="deform_conv2d: torch.vmap over an axis of size 0"):
        torch.vmap(lambda w: deform_conv2d(torch.zeros(2, 3, 5, 5), offset, w, padding=1))(torch.zeros(0, 4, 3, 3, 3))


@pytest.mark.parametrize(
    "what",
    [{"normalize_grad": True}, {"offset_grad_scale": 0.5}, {"fixed_taps": (4,)}],
    ids=lambda what: next(iter(what)),
)
def test_gradients_that_are_no_derivatives_have_no_other_modes(what):
    x, offset, weight = torch.randn(1, 2, 5, 5), torch.rand(1, 1, 3, 3, 2, requires_grad=True), torch.randn(3, 2, 3, 3)
    function = lambda offset: active_conv2d(x, offset, weight, **what)  # noqa: E731
    expected = f"active_conv2d: there is no forward mode and no second derivative with {next(iter(what))}"
    with pytest.raises(NotImplementedError, match=expected):
        func.jvp(function, (offset.detach(),), (offset.detach(),))
    (first,) = torch.autograd.grad(function(offset).square().sum(), offset, create_graph=True)
    with pytest.raises(NotImplementedError, match=expected):
        first.sum().backward()


def test_the_backward_operator_refuses_tangents():
    function, tensors = sample(DEFORMABLE)
    out = function(*tensors)  # outside the level: by the kernel
    with forward_ad.dual_level():
        grad = forward_ad.make_dual(torch.ones_like(out), torch.ones_like(out))
        with pytest.raises(
            NotImplementedError, match="deform_conv2d: the backward pass has no forward-mode derivative"
        ):
            torch.autograd.grad(out, tensors, grad)


def test_the_operator_itself_has_forward_mode():
    """torch.ops, which exported and scripted programs call, goes the same way."""
    x, offset = torch.randn(1, 2, 4, 4), torch.rand(2, 2)
    call = torch.ops.active_convnets.shift2d
    (tangent,) = (func.jvp(lambda offset: call(x, offset, "zero"), (offset,), (torch.ones_like(offset),))[1],)
    step = 1e-3
    torch.testing.assert_close(
        tangent, (call(x, offset + step, "zero") - call(x, offset - step, "zero")) / (2 * step), atol=2e-3, rtol=0
    )


def test_old_batching_of_autograd_is_refused_by_name():
    function, tensors = sample(DEFORMABLE)
    out = function(*tensors)
    with pytest.raises(NotImplementedError, match="deform_conv2d: torch.autograd's own batching"):
        torch.autograd.grad(out, tensors, torch.ones(2, *out.shape, dtype=out.dtype), is_grads_batched=True)


def test_wrong_arguments_are_refused_in_forward_mode_too():
    x, boxes = torch.randn(1, 9, 5, 5), torch.tensor([[1.0, 0, 0, 4, 4]])
    with pytest.raises(
        OperatorError, match="ps_roi_pool: the image of a region must be a whole number from 0 to 0, got 1"
    ):
        func.jvp(lambda x: ps_roi_pool(x, boxes, 3), (x,), (x,))
    with pytest.raises(OperatorError, match="deform_conv2d: offset must have shape"):
        func.jvp(lambda x: deform_conv2d(x, torch.zeros(1, 2, 4, 4), torch.zeros(2, 9, 1, 1)), (x,), (x,))


@each
def test_autocast_in_forward_mode(name):
    function, tensors = sample(name, torch.float32, requires_grad=False)
    tangents = tuple(torch.randn_like(tensor) for tensor in tensors)
    want, want_tangent = func.jvp(function, tensors, tangents)
    low = (tensors[0].bfloat16(), *tensors[1:])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        got, tangent = func.jvp(function, low, (tangents[0].bfloat16(), *tangents[1:]))
    assert got.dtype is tangent.dtype is torch.bfloat16
    for a, b in ((got, want), (tangent, want_tangent)):
        torch.testing.assert_close(a.float(), b, rtol=0.05, atol=0.05 * b.abs().max().item())


def test_compiled_functions_too():
    function, tensors = sample("Shift, not square", requires_grad=False)
    tangents = tuple(torch.randn_like(tensor) for tensor in tensors)
    want = func.jvp(function, tensors, tangents)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        got = torch.compile(lambda *t: func.jvp(function, t, tangents), backend="aot_eager")(*tensors)
    torch.testing.assert_close(got, want)
