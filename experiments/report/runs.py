# SPDX-License-Identifier: Apache-2.0
"""Finds the finished runs of the ledger's lines in an output folder, and reads what they measured."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

from experiments.report.settings import differences

CITYSCAPES_VAL = 500  # pictures


@dataclass(frozen=True)
class Run:
    """A finished run of one configuration: trained to its last epoch and evaluated.

    data: cityscapes or stand-in. miou: over all classes. iou: by class name. losses: mean of each epoch.
    longest: longest learned offset in pixels, None for a network without such a parameter; bound: what it cannot
    exceed, None without normalized gradients. seconds: of training.
    """

    config: str
    data: str
    seed: int
    miou: float
    iou: dict[str, float]
    losses: list[float]
    longest: float | None
    bound: float | None
    commit: str
    threads: int
    devices: int
    versions: dict[str, str]
    seconds: float
    scaled: list[str] = field(default_factory=list)
    place: str = ""


def find(output: Path, expected: dict[str, dict[str, dict]]) -> tuple[list[Run], list[str]]:
    """All finished runs below `output`, and a sentence for each evaluation that does not count and why.

    expected: {data: {configuration's name: what it comes to}}. A run counts if its settings are those.
    Of two runs of one configuration, data and seed the first counts, in the order of their folders.
    """
    runs, left_out = {}, []
    for path in sorted(output.glob("**/results.json")):
        results = json.loads(path.read_text(encoding="utf-8"))
        config = results.get("config", {})
        name = config.get("run", {}).get("name")
        data = data_of(config)
        if name not in expected[data]:
            continue  # an experiment that is not a line of the report
        key = (name, data, results["seed"])
        reason = _unfit(path, results, expected[data][name], data)
        if not reason and key in runs:
            reason = f"{runs[key].place} is {name} on {data} with seed {results['seed']} already"
        if reason:
            left_out.append(f"{path.parent.parent}: {reason}")
            continue
        runs[key] = _read(path, results, data)
    return list(runs.values()), left_out


def save(path: Path, runs: list[Run]) -> None:
    """Writes runs to a JSON file, one per line, so that a ledger can be made again where their folders are not."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps({**asdict(run), "place": ""}) for run in _ordered(runs)]
    new = path.with_name(f".{path.name}")
    new.write_text("[\n" + ",\n".join(lines) + "\n]\n", encoding="utf-8")
    os.replace(new, path)


def load(path: Path) -> list[Run]:
    """The runs of a file that `save` wrote. Raises ValueError if it is something else."""
    try:
        return [Run(**each) for each in json.loads(path.read_text(encoding="utf-8"))]
    except (TypeError, json.JSONDecodeError) as error:
        raise ValueError(f"{path}: not a file of runs: {error}") from None


def _ordered(runs: list[Run]) -> list[Run]:
    return sorted(runs, key=lambda run: (run.data, run.config, run.seed))


def data_of(config: dict) -> str:
    """Generated pictures are the stand-in, everything else passes for Cityscapes (and is counted, see `_unfit`)."""
    return "stand-in" if config.get("dataset", {}).get("streets", {}).get("train") else "cityscapes"


def _unfit(path: Path, results: dict, expected: dict, data: str) -> str:
    """Why an evaluation does not count, '' if it does."""
    changed = differences(expected, results["config"])
    if changed:
        return f"other settings than the line's: {'; '.join(changed)}"
    record = _training(path, results) / "run.json"
    if not record.is_file():
        return f"{record} is not there: nothing tells what was trained"
    trained = json.loads(record.read_text(encoding="utf-8"))
    # A worker's gpus are its part of them; how many devices there were in all is compared below.
    changed = differences(expected, {**trained["config"], "gpus": expected["gpus"]})
    if changed:
        return f"trained with other settings than the line's: {'; '.join(changed)}"
    devices = trained.get("workers", 1) * len(trained["devices"])
    wanted = len(expected["gpus"].split(",")) if expected["gpus"] else expected["run"]["cpus"]
    if devices != wanted:
        return f"trained on {devices} devices of all workers together, the line has {wanted}"
    if results["epoch"] != expected["TRAIN"]["end_epoch"]:
        return f"evaluated after {results['epoch']} of {expected['TRAIN']['end_epoch']} epochs"
    if data == "cityscapes" and results["images"] != CITYSCAPES_VAL:
        return f"{results['images']} pictures; the validation set of Cityscapes has {CITYSCAPES_VAL}"
    return ""


def _training(path: Path, results: dict) -> Path:
    """The folder of the training whose evaluation `path` is."""
    return path.parent.parent / results["config"]["dataset"]["image_set"].replace("+", "_")


def _read(path: Path, results: dict, data: str) -> Run:
    config = results["config"]
    place = path.parent.parent
    training = _training(path, results)
    record = json.loads((training / "run.json").read_text(encoding="utf-8"))
    lines = (training / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    epochs = [line for line in map(json.loads, lines) if line["event"] == "epoch"]
    lengths = [each["max"] for each in epochs[-1].get("offsets", {}).values()]
    return Run(
        config=config["run"]["name"],
        data=data,
        seed=results["seed"],
        miou=results["meanIU"],
        iou=results["IU"],
        losses=[line["loss"] for line in epochs],
        longest=max(lengths, default=None),
        bound=epochs[-1].get("displacement_bound"),
        commit=_commit(record),
        threads=record["threads"],
        devices=len(config["gpus"].split(",")) if config["gpus"] else 0,
        versions=record["versions"],
        seconds=sum(line["seconds"] for line in epochs),
        scaled=config.get("SCALED", []),
        place=str(place),
    )


def _commit(record: dict) -> str:
    """Eight digits of the commit, with a + if files differed from it."""
    name = record["commit"]
    if not name or name == "unknown":
        return "unknown"
    return name[:8] + ("+" if record.get("dirty") or name.endswith("+changes") else "")
