# SPDX-License-Identifier: Apache-2.0
"""A system's ledger.yaml: what was published, as lines, the orderings it claims, and what a run must be to count."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields, replace
from pathlib import Path

import yaml

from lib.system import ROOT

NAME = "ledger.yaml"
BESIDE = ("configurations", "published", "published_curves", "published_parts", "offsets", "kept")  # what it names


class BookError(ValueError):
    """A ledger's files cannot be used; the text names the file and the key."""


@dataclass(frozen=True)
class Data:
    """What lines are trained on. over: the file laid over each configuration, '' for the published size itself.
    pictures: how many the test set has; 0: it is not asked. lines: the names of those that it is for; () = all."""

    name: str
    title: str
    text: str
    over: str = ""
    pictures: int = 0
    lines: tuple[str, ...] = ()

    def has(self, line: Line) -> bool:
        """Whether the line is trained on it."""
        return not self.lines or line.name in self.lines

    @property
    def comparable(self) -> bool:
        """Whether numbers can be set against the published ones."""
        return not self.over


@dataclass(frozen=True)
class Parts:
    """The parts of a result, fractions. title: of their picture. label: of its numbers. name: of its file."""

    title: str
    label: str
    name: str


@dataclass(frozen=True)
class Line:
    """One line of the ledger. value and loss are None where nothing was published. path: the configuration's file.
    curve: published loss of each epoch. parts: published parts of the value, by name. hours: of that training.
    also: other published numbers, by the key of `Book.also`. like: the line that all this was published of, '' = this
    one.
    """

    name: str
    group: str
    setting: str
    path: Path
    value: float | None = None
    loss: float | None = None
    source: str = ""
    curve: tuple[float, ...] = ()
    parts: Mapping[str, float] = field(default_factory=dict)
    hours: float | None = None
    also: Mapping[str, float] = field(default_factory=dict)
    like: str = ""

    @property
    def config(self) -> str:
        """The configuration's name."""
        return self.path.stem


@dataclass(frozen=True)
class Claim:
    """The publication's line `better` has a better value than its line `worse`."""

    text: str
    better: str
    worse: str
    source: str = ""


@dataclass(frozen=True)
class Spread:
    """How far apart two published runs of one configuration are. text: the sentence that ends with `value`."""

    value: float
    text: str


@dataclass(frozen=True)
class Book:
    """A ledger; README.md explains every key of ledger.yaml. offsets: {line: {layer: its printed table}}."""

    system: str
    title: str
    head: str
    publication: str
    metric: str
    definition: str
    baseline: str
    data: tuple[Data, ...]
    lines: tuple[Line, ...]
    claims: tuple[Claim, ...] = ()
    parts: Parts | None = None
    spread: Spread | None = None
    lower_is_better: bool = False
    also: Mapping[str, str] = field(default_factory=dict)
    kept: Path | None = None
    free: tuple[str, ...] = ()
    read_only_by: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    offsets: Mapping[str, Mapping[str, list]] = field(default_factory=dict)

    @property
    def sign(self) -> int:
        """Times a difference: above 0 is better."""
        return -1 if self.lower_is_better else 1

    def kind(self, name: str) -> Data:
        """The data of that name."""
        return next(each for each in self.data if each.name == name)


def books() -> list[str]:
    """The folders of experiments/ that have a ledger: systems, or networks of one (rpn, rfcn)."""
    return sorted(path.parent.name for path in ROOT.glob(f"experiments/*/{NAME}"))


def read_book(system: str, experiments: Path = ROOT / "experiments") -> Book:
    """The ledger of a system. Raises BookError for a key that is unknown or missing, a published number without a line,
    a line without a configuration, or a claim that the published numbers contradict."""
    path = experiments / system / NAME
    node = _yaml(path)
    beside = {name: path.parent / node.pop(name) for name in BESIDE if node.get(name)}
    spread, parts = node.pop("spread", None), node.pop("parts", None)
    content = {
        "system": system,
        "data": tuple(_made(Data, each, f"{path}: data") for each in node.pop("data", [])),
        "lines": _lines(node.pop("groups", []), beside, path),
        "claims": tuple(_made(Claim, each, f"{path}: claims") for each in node.pop("claims", [])),
        "parts": parts and _made(Parts, parts, f"{path}: parts"),
        "spread": spread and _made(Spread, spread, f"{path}: spread"),
        "free": tuple(node.pop("free", [])),
        "read_only_by": {symbol: tuple(keys) for symbol, keys in node.pop("read_only_by", {}).items()},
        "offsets": read_offsets(beside["offsets"]) if "offsets" in beside else {},
        "kept": beside.get("kept"),
    }
    book = _made(Book, {**node, **content}, str(path))
    _check(book, path)
    return book


def read_offsets(path: Path) -> dict[str, dict[str, list]]:
    """The printed offset tables: {line: {layer: rows of pairs}}, pixels, pairs in printed order."""
    return {run["line"]: run["offsets"] for run in json.loads(path.read_text(encoding="utf-8"))["runs"]}


def longest(layers: Mapping[str, list]) -> float:
    """Length of the longest offset in a run's tables, pixels."""
    return max(math.hypot(*pair) for rows in layers.values() for row in rows for pair in row)


def _lines(groups: list, beside: dict[str, Path], path: Path) -> tuple[Line, ...]:
    node = _yaml(path)
    metric, also = node.get("metric"), node.get("also", {})
    numbers, curves, parts = (_table(beside.get(name)) for name in ("published", "published_curves", "published_parts"))
    lines = []
    for group in groups:
        for entry in group["lines"]:
            row = numbers.pop(entry["name"], {})
            config = beside.get("configurations", path.parent / "cfgs") / f"{entry.get('config', entry['name'])}.yaml"
            setting = entry.get("setting") or row.get("setting", "")
            value, loss = _number(row.get(metric)), _number(row.get("training_loss"))
            curve = tuple(float(each) for each in curves.pop(entry["name"], {}).values() if each)
            by_name = {name: float(each) for name, each in parts.pop(entry["name"], {}).items()}
            loss = curve[-1] if loss is None and curve else loss
            more = {key: float(row[name]) for key, name in also.items() if row.get(name)}
            line = Line(entry["name"], group["group"], setting, config, value, loss, row.get("source", ""), curve,
                        by_name, _number(row.get("hours")), more)  # fmt: skip
            lines.append(_beside(line, entry["like"], lines, path) if "like" in entry else line)
    if left := [*numbers, *curves, *parts]:
        raise BookError(f"{path}: groups: no line for the published {', '.join(dict.fromkeys(left))}")
    return tuple(lines)


def _beside(line: Line, like: str, before: list[Line], path: Path) -> Line:
    """The line with all that was published of an earlier one, which its setting follows."""
    other = next((each for each in before if each.name == like), None)
    if other is None:
        raise BookError(f"{path}: groups: {line.name}: like: there is no line {like!r} before it")
    setting = f"{other.setting}, {line.setting}" if line.setting else other.setting
    return replace(other, name=line.name, group=line.group, setting=setting, path=line.path, like=like)


def _table(path: Path | None) -> dict[str, dict[str, str]]:
    """The rows of a CSV file by their `id`, without it."""
    if path is None:
        return {}
    with open(path, newline="", encoding="utf-8") as file:
        return {row.pop("id"): row for row in csv.DictReader(file)}


def _check(book: Book, path: Path) -> None:
    by_name = {line.name: line for line in book.lines}
    absent = [str(line.path) for line in book.lines if not line.path.is_file()]
    if absent:
        raise BookError(f"{path}: lines without a configuration: {', '.join(absent)}")
    for data in book.data:
        if unknown := [name for name in data.lines if name not in by_name]:
            raise BookError(f"{path}: data: {data.name}: lines: there is no line {', '.join(unknown)}")
    if book.baseline not in by_name:
        raise BookError(f"{path}: baseline: there is no line {book.baseline!r}")
    for claim in book.claims:
        values = [by_name[name].value if name in by_name else None for name in (claim.better, claim.worse)]
        if None in values:
            name = (claim.better, claim.worse)[values.index(None)]
            raise BookError(f"{path}: claims: {claim.text}: nothing was published for {name!r}")
        if book.sign * (values[0] - values[1]) <= 0:
            raise BookError(f"{path}: claims: {claim.text}: the published numbers say otherwise")


def _yaml(path: Path) -> dict:
    try:
        node = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BookError(f"{path} does not exist; systems with a ledger: {', '.join(books())}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BookError(f"{path}: not valid YAML: {error}") from None
    if not isinstance(node, dict):
        raise BookError(f"{path}: expected keys, got {node!r}")
    return node


def _made(kind, node: dict, where: str):
    """The record of a mapping with its fields as keys."""
    known = {each.name: each for each in fields(kind)}
    needed = [name for name, each in known.items() if each.default is MISSING and each.default_factory is MISSING]
    wrong = [f"unknown key {key}; valid: {', '.join(known)}" for key in node if key not in known]
    wrong += [f"{key} is missing" for key in needed if key not in node]
    if wrong:
        raise BookError("\n".join(f"{where}: {text}" for text in wrong))
    return kind(**node)


def _number(text: str | None) -> float | None:
    return float(text) if text else None
