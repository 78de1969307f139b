# SPDX-License-Identifier: Apache-2.0
"""The CUDA path of the PyTorch front, with the host build of the kernels in the place of the library."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from operators import library  # noqa: E402
from operators.active_conv.cases import CASES as ACTIVE  # noqa: E402
from operators.checks import agreement  # noqa: E402
from operators.deform_conv.cases import CASES, MODULATED_CASES  # noqa: E402
from operators.deform_psroi_pool.cases import CASES as DEFORM_PSROI  # noqa: E402
from operators.for_torch import cpu, cuda, deform_conv2d  # noqa: E402
from operators.gpu_suite import correctness  # noqa: E402
from operators.psroi_pool.cases import CASES as PSROI  # noqa: E402
from operators.shift.cases import CASES as SHIFT  # noqa: E402

SOME = [cases[0] for cases in (CASES, MODULATED_CASES, ACTIVE, SHIFT, PSROI, DEFORM_PSROI)]


@pytest.fixture
def cuda_path(host_library, cublas_on_host, monkeypatch):
    """Calls with tensors in main memory take the way of those on a GPU."""
    cublas_on_host.acn_stand_in_alignment(64)  # of torch's tensors in main memory; CUDA's lie at multiples of 512
    monkeypatch.setattr(library, "cuda_library", lambda: host_library)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: SimpleNamespace(cuda_stream=None))
    for name in ("prepared", "forward", "backward"):
        monkeypatch.setattr(cpu, name, getattr(cuda, name))
    yield
    cublas_on_host.acn_stand_in_alignment(256)


@pytest.mark.parametrize("case", SOME, ids=lambda case: case.operator)
def test_checks_of_the_gpu_suite_pass(cuda_path, case):
    case = case.at("zero" if "boundary" in library.descriptions()[case.operator].attributes else "")
    correctness._against_reference(case, agreement.between_lines, "cpu")
    correctness._deterministic(case, "cpu")
    for dtype in correctness.HALF:
        correctness._half(case, dtype, "cpu")


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision(cuda_path, dtype):
    torch.manual_seed(0)
    exact = [torch.randn(2, 4, 6, 5), torch.randn(2, 18, 6, 5), torch.randn(3, 4, 3, 3)]
    half = [tensor.to(dtype).requires_grad_() for tensor in exact]
    exact = [tensor.detach().double().requires_grad_() for tensor in half]
    results = []
    for tensors in (exact, half):
        out = deform_conv2d(*tensors, padding=1)
        results.append((out, *torch.autograd.grad(out.sum(), tensors)))
    for want, got in zip(*results):
        assert got.dtype is dtype
        assert (got.double() - want).abs().max() <= correctness.HALF[dtype] * want.abs().max()


def test_the_deterministic_switch_is_torchs(cuda_path, monkeypatch):
    asked, place = [], cuda._place
    monkeypatch.setattr(cuda, "_place", lambda *a, **k: asked.append(k["deterministic"]) or place(*a, **k))
    x, offset = torch.randn(1, 2, 4, 4, requires_grad=True), torch.zeros(1, 18, 4, 4)
    for choice in (False, True):
        torch.use_deterministic_algorithms(choice)
        try:
            deform_conv2d(x, offset, torch.randn(2, 2, 3, 3), padding=1).sum().backward()
        finally:
            torch.use_deterministic_algorithms(False)
    assert asked == [False, False, False, True]


def test_a_build_without_cuda_says_so(monkeypatch):
    def none():
        raise library.OperatorError("this is a CPU-only build")

    monkeypatch.setattr(library, "cuda_library", none)
    with pytest.raises(library.OperatorError, match="CPU-only build"):
        cuda.prepared(None, None)
