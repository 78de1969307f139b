# SPDX-License-Identifier: Apache-2.0
"""What of the GPU suite can be tested without a GPU. tests/operators/cuda runs its checks on the host build."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from operators.gpu_suite import __main__ as suite  # noqa: E402
from operators.gpu_suite import correctness, report, speed  # noqa: E402


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_it_says_so():
    done = subprocess.run([sys.executable, "-m", "operators.gpu_suite"], capture_output=True, text=True)
    assert done.returncode == 2
    assert "sees no CUDA device; the suite needs an NVIDIA GPU" in done.stderr and not done.stdout


def test_it_needs_no_mxnet_and_no_test_tools():
    code = (
        "import sys; import operators.gpu_suite.correctness, operators.gpu_suite.report;"
        "print(*sorted({'mxnet', 'pytest', 'hypothesis'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
    for path in Path(suite.__file__).parent.glob("*.py"):
        names = {alias.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Import)
                 for alias in node.names}  # fmt: skip
        assert not names & {"mxnet", "pytest", "hypothesis"}, path


def test_every_operator_is_checked():
    from operators.library import descriptions

    assert {case.operator for case, _ in correctness.cases()} == set(descriptions())


def test_a_failed_check_is_a_result(monkeypatch):
    def broken():
        raise AssertionError("worst at (0, 1)")

    monkeypatch.setattr(correctness, "_all", lambda: [("good", lambda: None), ("bad", broken)])
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: None)
    result = correctness.run()
    assert result["checks"] == 2
    assert result["failures"] == ["bad: AssertionError in broken: worst at (0, 1)"]
    assert "2 checks, 1 failed" in report.correctness_lines(result)


@pytest.mark.parametrize("variant", ["v1", "v2", "active"])
def test_the_engines_of_a_point_take_its_tensors(monkeypatch, variant):
    monkeypatch.setitem(speed.SHAPES, "A", ((1, 4, 6, 8), 4, 2))
    point = speed.convolution(variant, "A", "float32", True, "cpu")
    for name, function in point.engines.items():
        out = function(*point.tensors)
        assert out.shape == (1, 4, 6, 8), name
        torch.autograd.grad(out.sum(), point.tensors, allow_unused=True)
    assert set(point.engines) >= {"ours", "plain", "deterministic"}


def test_the_poolings_run(monkeypatch):
    monkeypatch.setitem(speed.ROIS, "data", (1, 98, 38, 63))
    monkeypatch.setitem(speed.ROIS, "rois", 5)
    for make in (speed.pooling, speed.deformable_pooling):
        point = make("float32", False, "cpu")
        assert point.engines["ours"](*point.tensors).shape == (5, 2, 7, 7)
        assert point.engines["ours"](*point.tensors).isfinite().all()


def test_targets_are_counted():
    rows = [
        {"point": "A v1", "dtype": "float32", "training": False, "failed": {},
         "ms": {"ours": 1.0, "torchvision": 4.0, "plain": 0.5}},
        {"point": "A v1", "dtype": "float16", "training": True, "failed": {"plain": "out of memory"},
         "ms": {"ours": 1.0, "torchvision": 1.5}},
    ]  # fmt: skip
    text = report.target_lines(rows)
    assert "<= 0.5 x torchvision: 1 of 2 points" in text and "MISSED 0.67 A v1" in text
    assert "<= 1.5 x plain float32: 0 of 1 points" in text and "<= 2.5 x plain float16: 0 of 0 points" in text
    assert "plain: out of memory" in report.speed_line(rows[1]) and not report.failed(rows)
    assert report.slug("NVIDIA H200 (MIG 1g)") == "nvidia-h200-mig-1g"


def test_a_point_that_ours_fails_is_missed():
    row = {"point": "A v1", "dtype": "float32", "training": False}
    rows = [
        {**row, "failed": {"ours": "no launch"}, "ms": {"torchvision": 4.0, "plain": 0.5}},
        {**row, "failed": {"deterministic": "no launch"}, "ms": {"ours": 1.0, "plain": 1.0}},
        {**row, "failed": {"torchvision": "out of memory"}, "ms": {"ours": 1.0, "plain": 1.0}},
    ]
    assert report.failed(rows) == rows[:2]
    text = report.target_lines(rows)
    assert "<= 0.5 x torchvision: 0 of 1 points" in text and "<= 1.5 x plain float32: 2 of 3 points" in text
    assert "MISSED inf A v1" in text and text.count("FAILED A v1") == 2 and "ours: no launch" in text


def test_without_torchvision_nothing_is_claimed():
    rows = [{"point": "A v1", "dtype": "float32", "training": True, "failed": {}, "ms": {"ours": 1.0}}]
    assert "x torchvision: torchvision is not installed: not compared" in report.target_lines(rows)


@pytest.mark.parametrize(("rows", "status"), [([], 0), ([{"failed": {"ours": "no launch"}}], 1)])
def test_a_failure_in_the_timing_is_in_the_exit_status(monkeypatch, tmp_path, rows, status):
    monkeypatch.setattr(suite, "missing", lambda: "")
    monkeypatch.setattr(report, "machine", lambda: {"device": "none"})
    monkeypatch.setattr(report, "heading", lambda result: "")
    monkeypatch.setattr(report, "target_lines", lambda rows: "")
    monkeypatch.setattr(speed, "run", lambda samples, report: rows)
    assert suite.main(["--only", "speed", "--out", str(tmp_path / "result.json")]) == status


def test_deterministic_timing_does_not_time_the_filling_of_new_tensors(monkeypatch):
    seen = []
    monkeypatch.setattr(speed, "_elapsed", lambda step, calls: (step(), 1.0)[1])

    def function(x):
        seen.append((torch.are_deterministic_algorithms_enabled(), torch.utils.deterministic.fill_uninitialized_memory))
        return x

    point = speed.Point("", "float32", False, (torch.zeros(1),), {})
    monkeypatch.setattr(speed, "_step", lambda function, point: lambda: function(*point.tensors))
    speed._time(function, point, 1, deterministic=True)
    assert set(seen) == {(True, False)}
    assert torch.utils.deterministic.fill_uninitialized_memory and not torch.are_deterministic_algorithms_enabled()
