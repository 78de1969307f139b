# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def main(arguments: list | None = None) -> int:
    """Gives the exit status: 0 all right, 1 a result is wrong or an operator of ours failed in the timing, 2 it cannot
    run here, and says why."""
    parser = argparse.ArgumentParser(
        "python -m operators.gpu_suite",
        description="Checks the CUDA kernels against the references and times them against torchvision and cuDNN.",
    )
    parser.add_argument("--only", choices=["smallest", "correctness", "speed"], help="one part of it; smallest: each "
                        "operator's smallest case, a minute")  # fmt: skip
    parser.add_argument("--rehearse", action="store_true", help="the smallest cases on the CPU, where there is no GPU")
    parser.add_argument("--samples", type=int, default=15, help="timed samples of each point; their median counts")
    parser.add_argument("--out", type=Path, help="result file; default benchmarks/results/<gpu>.json")
    options = parser.parse_args(arguments)
    if options.rehearse:
        return _rehearse()
    reason = missing()
    if reason:
        print(f"gpu_suite: {reason}", file=sys.stderr)
        return 2
    return _run(options)


def _rehearse() -> int:
    from operators.gpu_suite import correctness, report

    result = correctness.run(smallest=True, device="cpu")
    print(report.correctness_lines(result))
    return 1 if result["failures"] else 0


def missing() -> str:
    """Why the suite cannot run here; empty if it can."""
    try:
        import torch
    except ImportError:
        return "PyTorch is not installed; the suite reaches the GPU through it (pip install torch)"
    if not torch.cuda.is_available():
        return (
            f"torch {torch.__version__} sees no CUDA device; the suite needs an NVIDIA GPU and a torch built for CUDA"
        )
    from operators import library

    try:
        library.cuda_library()
    except (library.OperatorError, ImportError, OSError) as error:
        return str(error)
    return ""


def _run(options) -> int:
    from operators.gpu_suite import correctness, report, speed
    from operators.gpu_suite.result import write_json

    result, failures = report.machine(), []
    path = options.out or ROOT / "benchmarks" / "results" / f"{report.slug(result['device'])}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    print(report.heading(result), flush=True)
    if options.only != "speed":
        result["correctness"] = correctness.run(smallest=options.only == "smallest")
        failures = result["correctness"]["failures"]
        print(report.correctness_lines(result["correctness"]), flush=True)
        write_json(result, path)
    if options.only in (None, "speed"):
        result["speed"] = []

        def tell(row) -> None:  # what was timed so far stays, if the machine is taken away
            print(report.speed_line(row), flush=True)
            result["speed"].append(row)
            write_json(result, path)

        result["speed"] = speed.run(options.samples, tell)
        failures = failures + report.failed(result["speed"])
        print(report.target_lines(result["speed"]))
        write_json(result, path)
    print(f"wrote {path}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
