# SPDX-License-Identifier: Apache-2.0
"""What was published: the lines of the ledger, the orderings that the report claims, and the offsets it prints."""

from __future__ import annotations

import csv
import json
import math
from dataclasses import dataclass
from pathlib import Path

import yaml

HERE = Path(__file__).parent
CONFIGS = HERE.parent / "deeplab" / "cfgs" / "report"
TWIN = "standin.yaml"
"""The file in CONFIGS that makes the small twin of every other one there."""


@dataclass(frozen=True)
class Line:
    """One line of the ledger. miou and loss are None where nothing was published."""

    name: str
    group: str
    setting: str
    config: str
    miou: float | None
    loss: float | None
    source: str

    @property
    def path(self) -> Path:
        """The configuration's file."""
        return CONFIGS / f"{self.config}.yaml"


@dataclass(frozen=True)
class Claim:
    """The report's line `better` has a higher mIoU than its line `worse`."""

    text: str
    better: str
    worse: str
    source: str


def read_lines() -> list[Line]:
    """All lines in their order. Raises ValueError if a published number has no line or a line no configuration."""
    with open(HERE / "published.csv", newline="", encoding="utf-8") as file:
        numbers = {row["id"]: row for row in csv.DictReader(file)}
    lines = []
    for group in yaml.safe_load((HERE / "lines.yaml").read_text(encoding="utf-8")):
        for entry in group["lines"]:
            row = numbers.pop(entry["name"], {})
            lines.append(
                Line(
                    name=entry["name"],
                    group=group["group"],
                    setting=entry.get("setting") or row["setting"],
                    config=entry.get("config", entry["name"]),
                    miou=_number(row.get("mIoU")),
                    loss=_number(row.get("training_loss")),
                    source=row.get("source", ""),
                )
            )
    if numbers:
        raise ValueError(f"lines.yaml has no line for the published {', '.join(numbers)}")
    absent = [str(line.path) for line in lines if not line.path.is_file()]
    if absent:
        raise ValueError(f"lines without a configuration: {', '.join(absent)}")
    return lines


def read_claims() -> list[Claim]:
    """The report's orderings. Raises ValueError for one between lines that do not exist or that were not published."""
    published = {line.name: line.miou for line in read_lines() if line.miou is not None}
    claims = [Claim(**entry) for entry in yaml.safe_load((HERE / "claims.yaml").read_text(encoding="utf-8"))]
    for claim in claims:
        for name in (claim.better, claim.worse):
            if name not in published:
                raise ValueError(f"claims.yaml: {claim.text}: nothing was published for {name!r}")
        if published[claim.better] <= published[claim.worse]:
            raise ValueError(f"claims.yaml: {claim.text}: the published numbers say otherwise")
    return claims


def read_offsets(path: str | Path = HERE / "published_offsets.json") -> dict[str, dict[str, list]]:
    """The printed offset tables: {line: {layer: 3 x 3 pairs}}, pixels, pairs in printed order.

    path: the file here or the one it was made from (a list of figures with the settings of each).
    Raises ValueError for a table that is not 3 x 3 pairs.
    """
    content = json.loads(Path(path).read_text(encoding="utf-8"))
    if isinstance(content, list):
        tables = {_line_of(figure): figure["offsets"] for figure in content}
    else:
        tables = {table["row"]: table["offsets"] for table in content["tables"]}
    for line, layers in tables.items():
        for layer, rows in layers.items():
            if [[len(pair) for pair in row] for row in rows] != [[2] * 3] * 3:
                raise ValueError(f"{path}: {line}, {layer}: expected 3 x 3 pairs")
    return tables


def longest(layers: dict[str, list]) -> float:
    """Length of the longest offset in a run's tables, pixels."""
    return max(math.hypot(*pair) for rows in layers.values() for row in rows for pair in row)


def _line_of(figure: dict) -> str:
    if not figure["normalize_grad"]:
        return "acn_naive"
    return f"acn_lr{figure['offset_lr_rate']:g}" + ("_warmup" if figure["warmup_epochs"] else "")


def _number(text: str | None) -> float | None:
    return float(text) if text else None
