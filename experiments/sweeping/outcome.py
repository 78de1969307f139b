# SPDX-License-Identifier: Apache-2.0
"""What a trial left in its folder: ./train.sh's files, and the record that says it is finished.

<folder>/<image set>/metrics.jsonl, <folder>/<image set>/results.json, results_zero_offsets.json; <folder>/trial.json.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from experiments.sweeping.plan import Sweep, Trial
from lib.run import results
from lib.run.atomic import write_json
from lib.run.damage import DamagedFile, read_json
from lib.run.metrics import read_metrics

RECORD, LOG = "trial.json", "trial.log"
VALUE = "value"  # the metric that every system has


def progress(folder: str | Path) -> dict:
    """Where a training is: {update, epoch, loss}, loss of the last update; {} before the first one."""
    updates = [line for line in metrics(folder) if line.get("event") == "update"]
    return {key: updates[-1][key] for key in ("update", "epoch", "loss")} if updates else {}


def metrics(folder: str | Path) -> list[dict]:
    """All complete lines of the training's metrics."""
    paths = sorted(Path(folder).glob("*/metrics.jsonl"))
    return read_metrics(paths[0]) if paths else []


def number(numbers: dict, name: str):
    """The number of a trial that a metric's name means: one of `numbers`, or of its parts; None if there is none."""
    return numbers.get(name, numbers.get("parts", {}).get(name))


def metric_name(sweep: Sweep, rows: Iterable[dict]) -> str:
    """What the sweep's metric is called: that of the trials themselves where it is their value."""
    named = [row["metric"] for row in rows if row.get("metric")] if sweep.metric == VALUE else []
    return named[0] if named else sweep.metric


def parts_of(wanted: Sequence[str] | None, rows: Iterable[dict]) -> list[str]:
    """The parts to show: none for None, those that are wanted, or all that the trials have where () is."""
    if wanted is None:
        return []
    return list(wanted) or list(dict.fromkeys(part for row in rows for part in row.get("parts", {})))


def finished(trial: Trial) -> dict | None:
    """The numbers of a finished trial, None if it is not begun or was cut short. (A name means its settings.)"""
    path, remedy = Path(trial.folder) / RECORD, "remove it, and the trial goes on from its last checkpoint"
    try:
        numbers = read_json(path, remedy, ("numbers",))["numbers"]
    except FileNotFoundError:
        return None
    if not isinstance(numbers, dict):
        raise DamagedFile(f"{path}: damaged (no numbers by name); {remedy}")
    return results.in_todays_form(numbers)


def conclude(trial: Trial) -> dict:
    """Reads the results, writes the record that makes the trial finished, and gives the numbers.

    Raises RuntimeError if there are no results.
    """
    found = sorted(Path(trial.folder).glob(f"*/{results.NAME}"))
    if not found:
        raise RuntimeError(f"{trial.command[0]} ended well, but there is no {trial.folder}/*/{results.NAME}")
    measured, zero = results.read(found[0])
    lines = metrics(trial.folder)
    epochs = [line for line in lines if line.get("event") == "epoch"]
    layers = [line["layers"] for line in lines if line.get("event") == "offsets"]
    lengths = [each.get("max") for each in layers[-1].values()] if layers else []
    numbers = {
        **{key: value for key, value in measured.items() if isinstance(value, (int, float)) and key not in _ASIDE},
        "metric": measured.get("metric", VALUE),
        "parts": measured.get("parts", {}),
        "value_zero_offsets": zero["value"] if zero else None,
        "loss": epochs[-1]["loss"] if epochs else None,
        "offset_max": max(lengths) if lengths and None not in lengths else None,
        "epochs": measured.get("epoch"),
        "update": progress(trial.folder).get("update"),
        "seconds": round(sum(line["seconds"] for line in epochs), 1),
        "threads": measured.get("threads"),
        "commit": measured.get("commit"),
        "losses": [line["loss"] for line in epochs],
    }
    record = {"name": trial.name, "command": list(trial.command), "numbers": numbers}
    write_json(Path(trial.folder) / RECORD, record)
    return numbers


def last_words(folder: str | Path, lines: int = 8) -> str:
    """The end of what the trial's command said."""
    path = Path(folder) / LOG
    text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    return "\n".join(text.splitlines()[-lines:])


_ASIDE = {"epoch", "seed", "images", "zero_offsets", "dirty"}  # numbers of results.json that measure nothing
