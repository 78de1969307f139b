# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from torch_samples import DEFORMABLE, NAMES, sample  # noqa: E402

from operators.for_torch import cpu, deform_conv2d, ps_roi_pool  # noqa: E402
from operators.for_torch.ops import OPERATIONS  # noqa: E402

each = pytest.mark.parametrize("name", NAMES)


@each
def test_gradcheck(name):
    function, tensors = sample(name)
    assert torch.autograd.gradcheck(function, tensors)


@each
def test_only_what_is_wanted_is_computed(name, monkeypatch):
    asked, original = [], cpu.backward
    monkeypatch.setattr(cpu, "backward", lambda plan, *rest: asked.append(rest[-1]) or original(plan, *rest))
    function, tensors = sample(name)
    whole = torch.autograd.grad(function(*tensors).sum(), tensors)
    for i, wanted in enumerate(tensors):
        asked.clear()
        detached = [tensor if tensor is wanted else tensor.detach() for tensor in tensors]
        (alone,) = torch.autograd.grad(function(*detached).sum(), (wanted,))
        assert torch.equal(alone, whole[i])
        assert [sum(each) for each in asked] == [1]


@each
def test_no_graph_without_need(name):
    function, tensors = sample(name, requires_grad=False)
    assert function(*tensors).grad_fn is None
    function, tensors = sample(name)
    with torch.no_grad():
        assert not function(*tensors).requires_grad
    assert type(function(*tensors).grad_fn).__name__.removesuffix("Backward") in OPERATIONS


def test_accumulates_as_autograd_does():
    function, tensors = sample(DEFORMABLE)
    function(*tensors).sum().backward()
    once = [tensor.grad.clone() for tensor in tensors]
    function(*tensors).sum().backward()
    assert all(torch.equal(tensor.grad, 2 * first) for tensor, first in zip(tensors, once))


def test_a_tensor_changed_in_between_is_refused():
    function, tensors = sample(DEFORMABLE)
    out = function(*tensors)
    with torch.no_grad():
        tensors[0].mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        out.sum().backward()


def test_boxes_have_no_gradient():
    boxes = torch.tensor([[0.0, 1, 2, 9, 8], [1, 0, 0, 11, 9]], dtype=torch.float64, requires_grad=True)
    data = torch.randn(2, 9, 5, 5, dtype=torch.float64, requires_grad=True)
    ps_roi_pool(data, boxes, 3).sum().backward()
    assert boxes.grad is None and data.grad.abs().sum() > 0


@each
def test_func_grad(name):
    function, tensors = sample(name)
    (want,) = torch.autograd.grad(function(*tensors).square().sum(), tensors[:1])
    rest = [tensor.detach() for tensor in tensors[1:]]
    got = torch.func.grad(lambda first: function(first, *rest).square().sum())(tensors[0].detach())
    assert torch.equal(got, want)


def test_backward_in_several_threads():
    from concurrent.futures import ThreadPoolExecutor

    function, tensors = sample(DEFORMABLE)
    want = torch.autograd.grad(function(*tensors).sum(), tensors)

    def work(_):
        own = [tensor.detach().clone().requires_grad_() for tensor in tensors]
        return torch.autograd.grad(function(*own).sum(), own)

    with ThreadPoolExecutor(4) as pool:
        for got in pool.map(work, range(16)):
            assert all(torch.equal(a, b) for a, b in zip(got, want))


def test_wrong_gradient_shape_is_refused():
    x, offset, weight = torch.randn(1, 2, 4, 4), torch.zeros(1, 2, 4, 4), torch.randn(3, 2, 1, 1)
    deform_conv2d(x, offset, weight)
    with pytest.raises(ValueError, match=r"the gradient of the output must be torch.float32 of shape \(1, 3, 4, 4\)"):
        torch.ops.active_convnets.deform_conv2d_backward(
            torch.randn(1, 3, 4, 5), x, offset, None, weight, None, [1, 1], [0, 0], [1, 1], 1, 1, 1, "zero", [True] * 5
        )
