# SPDX-License-Identifier: Apache-2.0
"""Every room's cases on the GPU against the NumPy references, and what only a GPU can show."""

from __future__ import annotations

import traceback

import numpy as np
import torch

from operators import library
from operators.checks import backends, catalogue, torch_backends
from operators.checks.inputs import between_lines, draw_inputs, draw_out_grad, on_lines, special
from operators.checks.tolerance import assert_close
from operators.for_torch import deform_conv2d, mxnet_names, ps_roi_pool

# Of the array's largest number. Inputs are rounded to the half type first: only the kernel's own rounding counts.
HALF = {torch.float16: 4e-3, torch.bfloat16: 3e-2}


def run(smallest: bool = False, device: str = "cuda") -> dict:
    """{"checks": how many were made, "failures": the text of each that failed}

    smallest: only each operator's smallest case, in four dtypes; device 'cpu' then rehearses it.
    """
    checks, failures = 0, []
    for name, check in _smallest(device) if smallest else _all():
        checks += 1
        try:
            check()
        except Exception as error:  # noqa: BLE001 - whatever goes wrong is a result, and the rest goes on
            where = traceback.extract_tb(error.__traceback__)[-1]
            failures.append(f"{name}: {type(error).__name__} in {where.name}: {error}")
    if device == "cuda":
        torch.cuda.synchronize()
    return {"checks": checks, "failures": failures}


def _smallest(device: str):
    """Each operator's case with the fewest numbers."""
    found: dict = {}
    for case, boundaries in cases():
        size = sum(values.size for values in draw_inputs(case.at(boundaries[0])).values())
        if case.operator not in found or size < found[case.operator][0]:
            found[case.operator] = (size, case.at(boundaries[0]))
    for _, case in found.values():
        yield f"{case}, float32 and float64", lambda case=case: _against_reference(case, between_lines, device)
        for dtype in HALF if device == "cuda" else ():
            yield f"{case}, {dtype}", lambda case=case, dtype=dtype: _half(case, dtype, device)


def cases():
    """Every case of every room, with the boundary rules of its operator."""
    for case in catalogue.all_cases():
        yield case, catalogue.boundaries_of(case.operator)


def _all():
    for case, boundaries in cases():
        for boundary in boundaries:
            at = case.at(boundary)
            for offsets in (between_lines, on_lines, special):
                yield f"{at}, {offsets.__name__}", lambda at=at, offsets=offsets: _against_reference(at, offsets)
            yield f"{at}, deterministic", lambda at=at: _deterministic(at)
            for dtype in HALF:
                yield f"{at}, {dtype}", lambda at=at, dtype=dtype: _half(at, dtype)
    yield "another stream", _another_stream
    yield "autocast", _autocast
    yield "empty batch", _empty
    yield "an image that is not there", _wrong_image
    yield "torch.compile", _compiled


def _against_reference(case, offsets, device="cuda") -> None:
    inputs, out_grad = draw_inputs(case, offsets), draw_out_grad(case)
    want, want_grads = backends.reference(case, inputs, out_grad)
    for dtype in ("float32", "float64"):
        arrays = {name: values.astype(dtype) for name, values in inputs.items()}
        got, grads = torch_backends.on(device)(case, arrays, out_grad.astype(dtype))
        assert_close(got, want, "output")
        for name, gradient in grads.items():
            assert_close(gradient, want_grads[name], f"gradient of {name}")


def _tensors(case, dtype, device="cuda"):
    def stored(values):
        return torch.as_tensor(values).to(dtype).double().numpy()

    tensors = {
        name: torch.tensor(values, device=device).to(dtype).requires_grad_()
        for name, values in draw_inputs(case, stored=stored).items()
    }
    return tensors, torch.tensor(draw_out_grad(case), device=device).to(dtype)


def _results(case, tensors, out_grad) -> dict:
    for tensor in tensors.values():
        tensor.grad = None
    out = mxnet_names.call(case.operator, case.attributes, tensors)
    out.backward(out_grad)
    grads = {name: tensor.grad for name, tensor in tensors.items() if tensor.grad is not None}
    return {"output": out.detach(), **grads}


def _half(case, dtype, device="cuda") -> None:
    """Against our CPU kernels, in float64, on the same rounded numbers, which are drawn so that coordinates in float32
    and in float64 fall on the same cells."""
    tensors, out_grad = _tensors(case, dtype, device)
    exact = {name: tensor.detach().cpu().double().requires_grad_() for name, tensor in tensors.items()}
    want = _results(case, exact, out_grad.cpu().double())
    for name, got in _results(case, tensors, out_grad).items():
        assert got.dtype is dtype, f"{name} is {got.dtype}"
        assert_close(got.double().cpu().numpy(), want[name].numpy(), name, HALF[dtype])


def _deterministic(case, device="cuda") -> None:
    tensors, out_grad = _tensors(case, torch.float32, device)
    want = _results(case, tensors, out_grad)
    torch.use_deterministic_algorithms(True)
    try:
        first, second = (_results(case, tensors, out_grad) for _ in range(2))
    finally:
        torch.use_deterministic_algorithms(False)
    for name, values in first.items():
        assert torch.equal(values, second[name]), f"{name} has other bits in the second run"
        assert_close(values.cpu().numpy(), want[name].cpu().numpy(), f"{name}, deterministic or not")


def _sample(device="cuda"):
    torch.manual_seed(0)
    tensors = torch.randn(4, 16, 40, 40), torch.randn(4, 18, 40, 40), torch.randn(16, 16, 3, 3)
    return [tensor.to(device).requires_grad_() for tensor in tensors]


def _another_stream() -> None:
    """Work that is queued on a stream before and after must be seen in order."""
    x, offset, weight = (tensor.detach() for tensor in _sample())
    want = deform_conv2d(x * 2, offset, weight, padding=1) + 1
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        torch.cuda._sleep(20_000_000)
        got = deform_conv2d(x * 2, offset, weight, padding=1) + 1
    torch.cuda.current_stream().wait_stream(stream)
    assert torch.equal(got, want)


def _autocast() -> None:
    x, offset, weight = _sample()
    want = deform_conv2d(x, offset, weight, padding=1)
    for dtype, tolerance in ((torch.float16, 2e-2), (torch.bfloat16, 2e-1)):
        with torch.autocast("cuda", dtype=dtype):
            got = deform_conv2d(x, offset, weight, padding=1)
        assert got.dtype is dtype
        assert (got.float() - want).abs().max() <= tolerance * want.abs().max()
        got.float().sum().backward()
        assert weight.grad.dtype is torch.float32


def _empty() -> None:
    x, weight = torch.zeros(0, 4, 5, 5, device="cuda"), torch.randn(3, 4, 3, 3, device="cuda", requires_grad=True)
    out = deform_conv2d(x, torch.zeros(0, 18, 5, 5, device="cuda"), weight, padding=1)
    out.sum().backward()
    assert out.shape == (0, 3, 5, 5) and not weight.grad.any()


def _wrong_image() -> None:
    """The device finds it; the call after the next synchronization says so, and the process goes on."""
    x, boxes = torch.randn(2, 9, 8, 8, device="cuda"), torch.tensor([[7.0, 0, 0, 3, 3]], device="cuda")
    ps_roi_pool(x, boxes, 3)
    torch.cuda.synchronize()
    good = torch.tensor([[1.0, 0, 0, 3, 3]], device="cuda")
    try:
        ps_roi_pool(x, good, 3)
    except library.OperatorError as error:
        assert "image" in str(error), str(error)
    else:
        raise AssertionError("no error came")
    assert bool(ps_roi_pool(x, good, 3).isfinite().all())


def _compiled() -> None:
    tensors = _sample()
    function = lambda x, o, w: deform_conv2d(x.relu(), o, w, padding=1).sum()  # noqa: E731
    compiled = torch.compile(function, backend="aot_eager", fullgraph=True)
    got = torch.autograd.grad(compiled(*tensors), tensors)
    for a, b in zip(got, torch.autograd.grad(function(*tensors), tensors)):
        np.testing.assert_allclose(a.cpu().numpy(), b.cpu().numpy(), rtol=0, atol=1e-5 * float(b.abs().max()))
