# SPDX-License-Identifier: Apache-2.0
"""Measured against published: means and spreads over seeds, gains over the baseline, and which orderings hold."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from statistics import mean, stdev

from experiments.ledger.book import Book, Claim, Line
from experiments.ledger.runs import Run


@dataclass(frozen=True)
class Value:
    """A mean over seeds and its spread, the sample standard deviation (None for one seed)."""

    mean: float
    spread: float | None
    count: int

    @staticmethod
    def of(numbers: list[float]) -> Value:
        return Value(mean(numbers), stdev(numbers) if len(numbers) > 1 else None, len(numbers))


@dataclass(frozen=True)
class Entry:
    """A line with its runs on one kind of data, by seed. gain: over the baseline, over the seeds that both have."""

    line: Line
    runs: dict[int, Run]
    shares: str  # name of an earlier configuration whose run this is, '' if it has its own
    scaled: list[str]  # what the overlay's tables have changed
    value: Value | None
    gain: Value | None
    loss: Value | None


@dataclass(frozen=True)
class Verdict:
    """What became of a claim. published, difference: above 0 as it says; difference: None if nothing can be said;
    agreeing: seeds that agree with the claim. among: the group of lines like others that it is about, '' = none of its
    lines is like another."""

    claim: Claim
    published: float
    difference: Value | None
    agreeing: int
    text: str
    among: str = ""


def entries(book: Book, runs: list[Run], configs: dict[str, dict], same: dict[str, str]) -> list[Entry]:
    """All lines with their runs. runs: on one kind of data. configs: what each configuration comes to there.

    same: the configuration whose run stands for each (see `Expected.representatives`).
    """
    by_seed: dict[str, dict[int, Run]] = {}
    for run in runs:
        by_seed.setdefault(same[run.config], {})[run.seed] = run
    baseline = next(line for line in book.lines if line.name == book.baseline)
    base = by_seed.get(same[baseline.config], {})
    found = []
    for line in book.lines:
        mine = dict(sorted(by_seed.get(same[line.config], {}).items()))
        gains = [mine[seed].value - base[seed].value for seed in mine if seed in base]
        found.append(
            Entry(
                line=line,
                runs=mine,
                shares=same[line.config] if same[line.config] != line.name else "",
                scaled=configs[line.config].get("SCALED", []),
                value=Value.of([run.value for run in mine.values()]) if mine else None,
                gain=Value.of(gains) if gains and line is not baseline else None,
                loss=Value.of([run.losses[-1] for run in mine.values()]) if mine else None,
            )
        )
    return found


def judge(book: Book, table: list[Entry]) -> list[Verdict]:
    """Every claim about two lines of the table, on the seeds that both have.

    It holds, or is reversed, if all of at least two seeds agree and the mean difference is more than twice its
    standard error; else it is undecided.
    """
    by_name = {entry.line.name: entry for entry in table}
    found = []
    for claim in book.claims:
        if not {claim.better, claim.worse} <= by_name.keys():
            continue
        pair = by_name[claim.better], by_name[claim.worse]
        among = next((entry.line.group for entry in pair if entry.line.like), "")
        found.append(replace(_judge(claim, book.sign, *pair), among=among))
    return found


def _judge(claim: Claim, sign: int, better: Entry, worse: Entry) -> Verdict:
    published = sign * (better.line.value - worse.line.value)
    seeds = [seed for seed in better.runs if seed in worse.runs]
    differences = [sign * (better.runs[seed].value - worse.runs[seed].value) for seed in seeds]
    if not differences:
        return Verdict(claim, published, None, 0, "not run")
    value, agreeing = Value.of(differences), sum(each > 0 for each in differences)
    if better.runs[seeds[0]] is worse.runs[seeds[0]]:
        return Verdict(claim, published, None, 0, "one run here")
    clear = value.count > 1 and abs(value.mean) > 2 * value.spread / math.sqrt(value.count)
    text = "undecided"
    if clear and agreeing == len(seeds):
        text = "holds"
    elif clear and agreeing == 0:
        text = "reversed"
    return Verdict(claim, published, value, agreeing, text)
