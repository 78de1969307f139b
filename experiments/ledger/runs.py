# SPDX-License-Identifier: Apache-2.0
"""Finds the finished runs of the ledger's lines in an output folder, and reads what they measured."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from experiments.ledger.book import Book
from experiments.ledger.settings import Expected, gpus_of
from lib.run import results as evaluation
from lib.run.atomic import replacing
from lib.run.metrics import read_metrics
from lib.run.record import NAME as RECORD
from lib.run.record import read_record

METRICS = "metrics.jsonl"
_EARLIER = {"miou": "value", "iou": "parts"}  # what files of runs called these when DeepLab's were the only ones


@dataclass(frozen=True)
class Run:
    """A finished run of one configuration: trained to its last epoch and evaluated.

    data: name of what it was trained on. value, parts: of results.json. losses: mean of each epoch. longest: longest
    learned offset in pixels, None for a network without such a parameter; bound: what it cannot exceed, None without
    normalized gradients. devices: GPUs. seconds: of training. also: what of results.json `Book.also` names.
    """

    config: str
    data: str
    seed: int
    value: float
    parts: dict[str, float]
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
    also: dict[str, float] = field(default_factory=dict)

    def __post_init__(self):
        if not self.losses:
            raise ValueError(f"{self.config} on {self.data}, seed {self.seed}: a run without the loss of any epoch")


def find(book: Book, output: Path, expected: Expected) -> tuple[list[Run], list[str]]:
    """All finished runs below `output`, and a sentence for each evaluation that does not count and why.

    A run counts if its settings are those of a line. Of two runs of one configuration, data and seed the first counts,
    in the order of their folders.
    """
    runs, left_out = {}, []
    for path in sorted(output.glob(f"**/{evaluation.NAME}")):
        results, _ = evaluation.read(path)
        config = results.get("config", {})
        data = expected.data_of(config)
        if data is None:
            continue  # an experiment that is not a line of this ledger
        key = (config["run"]["name"], data, results["seed"])
        reason = _unfit(book, path, results, expected, data)
        if not reason and key in runs:
            reason = f"{runs[key].place} is {key[0]} on {data} with seed {results['seed']} already"
        if reason:
            left_out.append(f"{path.parent.parent}: {reason}")
            continue
        runs[key] = _read(book, path, results, data)
    return list(runs.values()), left_out


def save(path: Path, runs: list[Run]) -> None:
    """Writes runs to a JSON file, one per line, so that a ledger can be made again where their folders are not."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps({**asdict(run), "place": ""}) for run in _ordered(runs)]
    with replacing(path) as new:
        new.write_text("[\n" + ",\n".join(lines) + "\n]\n", encoding="utf-8")


def load(path: Path) -> list[Run]:
    """The runs of a file that `save` wrote. Raises ValueError if it is something else."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return [Run(**{_EARLIER.get(key, key): value for key, value in each.items()}) for each in found]
    except (AttributeError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: not a file of runs: {error}") from None


def kept(path: Path, expected: Expected) -> list[Run]:
    """`load` of a ledger's own runs. Raises ValueError for one that is no line's, or on data that it does not know."""
    runs = load(path)
    foreign = [f"{run.config} on {run.data}" for run in runs if not expected.has(run.data, run.config)]
    if foreign:
        raise ValueError(f"{path}: no run of this ledger: {', '.join(dict.fromkeys(foreign))}")
    return runs


def _ordered(runs: list[Run]) -> list[Run]:
    return sorted(runs, key=lambda run: (run.data, run.config, run.seed))


def _unfit(book: Book, path: Path, results: dict, expected: Expected, data: str) -> str:
    """Why an evaluation does not count, '' if it does."""
    line = expected[data][results["config"]["run"]["name"]]
    changed = expected.differences(line, results["config"])
    if changed:
        return f"other settings than the line's: {'; '.join(changed)}"
    training = _training(path, results)
    if not (training / RECORD).is_file():
        return f"{training / RECORD} is not there: nothing tells what was trained"
    trained = read_record(training)
    # A worker's gpus are its part of them; how many devices there were in all is compared below.
    changed = expected.differences(line, {**trained["config"], "gpus": line["gpus"]})
    if changed:
        return f"trained with other settings than the line's: {'; '.join(changed)}"
    devices = trained.get("workers", 1) * len(trained["devices"])
    wanted = gpus_of(line["gpus"]) or line["run"]["cpus"]
    if devices != wanted:
        return f"trained on {devices} devices of all workers together, the line has {wanted}"
    if results["epoch"] != line["TRAIN"]["end_epoch"]:
        return f"evaluated after {results['epoch']} of {line['TRAIN']['end_epoch']} epochs"
    if not any(each["event"] == "epoch" for each in read_metrics(training / METRICS)):
        return f"{training / METRICS} has no epoch: nothing tells what was lost in training"
    kind = book.kind(data)
    if kind.pictures and results["images"] != kind.pictures:
        return f"{results['images']} pictures; the test set of {kind.title} has {kind.pictures}"
    return ""


def _training(path: Path, results: dict) -> Path:
    """The folder of the training whose evaluation `path` is."""
    return path.parent.parent / results["config"]["dataset"]["image_set"].replace("+", "_")


def _read(book: Book, path: Path, results: dict, data: str) -> Run:
    config = results["config"]
    training = _training(path, results)
    record = read_record(training)
    epochs = [line for line in read_metrics(training / METRICS) if line["event"] == "epoch"]
    lengths = [each["max"] for each in epochs[-1].get("offsets", {}).values()]
    return Run(
        config=config["run"]["name"],
        data=data,
        seed=results["seed"],
        value=results["value"],
        parts=results.get("parts", {}),
        losses=[line["loss"] for line in epochs],
        longest=max(lengths, default=None),
        bound=epochs[-1].get("displacement_bound"),
        commit=_commit(record),
        threads=record["threads"],
        devices=gpus_of(config["gpus"]),
        versions=record["versions"],
        seconds=sum(line["seconds"] for line in epochs),
        scaled=config.get("SCALED", []),
        place=str(path.parent.parent),
        also={key: results[key] for key in book.also if key in results},
    )


def _commit(record: dict) -> str:
    """Eight digits of the commit, with a + if files differed from it."""
    name = record["commit"]
    if not name or name == "unknown":
        return "unknown"
    return name[:8] + ("+" if record.get("dirty") or name.endswith("+changes") else "")
