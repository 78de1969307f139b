# SPDX-License-Identifier: Apache-2.0
"""What a trial left in its folder: ./train.sh's files, and the record that says it is finished.

<folder>/<image set>/metrics.jsonl, <folder>/<image set>/results.json, results_zero_offsets.json; <folder>/trial.json.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from experiments.sweeping.plan import Trial

RECORD, LOG = "trial.json", "trial.log"


def progress(folder: str | Path) -> dict:
    """Where a training is: {update, epoch, loss}, loss of the last update; {} before the first one."""
    updates = [line for line in metrics(folder) if line.get("event") == "update"]
    return {key: updates[-1][key] for key in ("update", "epoch", "loss")} if updates else {}


def metrics(folder: str | Path) -> list[dict]:
    """All complete lines of metrics.jsonl; a process that was killed may have left half a line."""
    paths = sorted(Path(folder).glob("*/metrics.jsonl"))
    text = paths[0].read_text(encoding="utf-8") if paths else ""
    return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]


def finished(trial: Trial) -> dict | None:
    """The numbers of a finished trial, None if it is not begun or was cut short. (A name means its settings.)"""
    try:
        record = json.loads((Path(trial.folder) / RECORD).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return record["numbers"]


def conclude(trial: Trial) -> dict:
    """Reads the results, writes the record that makes the trial finished, and gives the numbers.

    Raises RuntimeError if there are no results.
    """
    results = sorted(Path(trial.folder).glob("*/results.json"))
    if not results:
        raise RuntimeError(f"{trial.command[0]} ended well, but there is no {trial.folder}/*/results.json")
    found = json.loads(results[0].read_text(encoding="utf-8"))
    zero = results[0].with_name("results_zero_offsets.json")
    lines = metrics(trial.folder)
    epochs = [line for line in lines if line.get("event") == "epoch"]
    layers = [line["layers"] for line in lines if line.get("event") == "offsets"]
    lengths = [each.get("max") for each in layers[-1].values()] if layers else []
    numbers = {
        "meanIU": found.get("meanIU"),
        "meanIU_present": found.get("meanIU_present"),
        "meanIU_zero_offsets": json.loads(zero.read_text(encoding="utf-8"))["meanIU"] if zero.is_file() else None,
        "loss": epochs[-1]["loss"] if epochs else None,
        "offset_max": max(lengths) if lengths and None not in lengths else None,
        "epochs": found.get("epoch"),
        "update": progress(trial.folder).get("update"),
        "seconds": round(sum(line["seconds"] for line in epochs), 1),
        "threads": found.get("threads"),
        "commit": found.get("commit"),
        "losses": [line["loss"] for line in epochs],
        **{key: value for key, value in found.items() if key not in _SHOWN and isinstance(value, (int, float))},
    }
    _write(Path(trial.folder) / RECORD, {"name": trial.name, "command": list(trial.command), "numbers": numbers})
    return numbers


def last_words(folder: str | Path, lines: int = 8) -> str:
    """The end of what the trial's command said."""
    path = Path(folder) / LOG
    text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    return "\n".join(text.splitlines()[-lines:])


_SHOWN = {"meanIU", "meanIU_present", "epoch", "threads", "commit", "seed", "images", "zero_offsets"}


def _write(path: Path, content) -> None:
    """Completely or not at all."""
    new = path.with_name(f".{path.name}.{os.getpid()}")
    with open(new, "w", encoding="utf-8") as file:
        file.write(json.dumps(content, indent=1) + "\n")
        file.flush()
        os.fsync(file.fileno())
    os.replace(new, path)
