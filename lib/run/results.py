# SPDX-License-Identifier: Apache-2.0
"""results.json, what an evaluation measured, and results_zero_offsets.json, the same with every offset set to 0.

All that other programs rely on, whichever system wrote it: `metric` (a name), `value` (the number), `parts` ({part:
number}, such as classes), `sha256` of the parameters, `epoch`, and what `lib.run.provenance` gives.
"""

from __future__ import annotations

from pathlib import Path

from lib.run.damage import read_json

NAME, ZERO_NAME = "results.json", "results_zero_offsets.json"


def read(path: Path) -> tuple[dict, dict | None]:
    """The evaluation `path` and, if there is one of the same parameters and pictures beside it, that with offsets 0.

    Raises FileNotFoundError, or ValueError for a file that is damaged or no evaluation.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist: evaluate first (./test.sh CONFIG)")
    found = _read(path)
    beside = path.with_name(ZERO_NAME)
    zero = _read(beside) if beside.is_file() else None
    same = zero is not None and zero.get("sha256") and zero.get("sha256") == found.get("sha256")
    return found, zero if same and zero and _alike(_measured_by(zero), _measured_by(found)) else None


def _measured_by(evaluation: dict) -> dict:
    """Settings of its configuration on which it depends what the same parameters measure."""
    config = evaluation.get("config", {})
    listed = {f"{name}.{key}": each for name in ("dataset", "TEST") for key, each in config.get(name, {}).items()}
    return {"SCALES": config.get("SCALES"), **listed, "TEST.BATCH_IMAGES": None, "TEST.test_epoch": None}


def _alike(one: dict, other: dict) -> bool:
    """Whether two evaluations were made alike; a version before them may not know all settings."""
    return all(one[key] == other[key] for key in one.keys() & other.keys())


def in_todays_form(numbers: dict) -> dict:
    """`numbers` with metric, value and parts, which earlier versions did not write: they knew one metric."""
    if "value" in numbers or "meanIU" not in numbers:
        return numbers
    return {"metric": "meanIU", "value": numbers["meanIU"], "parts": numbers.get("IU", {}), **numbers}


def _read(path: Path) -> dict:
    content = in_todays_form(read_json(path, "remove it and evaluate again"))
    if not isinstance(content.get("value"), (int, float)):
        raise ValueError(f"{path}: expected an evaluation with a number `value`")
    return content
