# SPDX-License-Identifier: Apache-2.0
"""A ledger's file: one of a system that does not exist, and what is wrong with others."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from experiments.ledger import wording
from experiments.ledger.book import BookError, read_book
from experiments.ledger.compare import entries, judge


def write_book(place: Path, **changes) -> Path:
    """A small ledger of a system that does not exist; values replace its keys, None takes one away."""
    (place / "toy/cfgs").mkdir(parents=True)
    for name in ("a", "b"):
        (place / f"toy/cfgs/{name}.yaml").write_text("")
    (place / "toy/numbers.csv").write_text("id,setting,error,training_loss,source\na,one,0.5,,table 1\nb,two,0.25,3,\n")
    node = {
        "title": "Toy", "head": "A toy.", "publication": "paper", "metric": "error", "definition": "error is small",
        "published": "numbers.csv", "baseline": "a", "lower_is_better": True,
        "data": [{"name": "real", "title": "Real", "text": "It is."}],
        "groups": [{"group": "all", "lines": [{"name": "a"}, {"name": "b"}]}],
        "claims": [{"text": "b beats a", "better": "b", "worse": "a"}], **changes,
    }  # fmt: skip
    (place / "toy/ledger.yaml").write_text(json.dumps({key: value for key, value in node.items() if value is not None}))
    return place


def test_a_ledger_of_another_system_and_metric(tmp_path):
    book = read_book("toy", write_book(tmp_path))
    assert [(line.name, line.setting, line.value, line.loss, line.source) for line in book.lines] == [
        ("a", "one", 0.5, None, "table 1"), ("b", "two", 0.25, 3.0, "")]  # fmt: skip
    assert book.sign == -1 and book.parts is None and book.kind("real").comparable and not book.offsets
    table = entries(book, [], {"a": {}, "b": {}}, {"a": "a", "b": "b"})
    text = wording.head(book) + wording.section(book, book.data[0], table)
    assert text.startswith("# Toy\n\nA toy.\n") and "| `b` | two | 0.25000 | -0.250 | 3.000000 |  |" in text
    assert "published error" in text and "IoU" not in text and "Cityscapes" not in text


def test_data_may_be_for_some_lines_only_and_claims_about_others_are_not_judged(tmp_path):
    real = {"name": "real", "title": "Real", "text": "It is."}
    book = read_book("toy", write_book(tmp_path, data=[real, {**real, "name": "half", "lines": ["a"]}]))
    every = entries(book, [], {"a": {}, "b": {}}, {"a": "a", "b": "b"})
    kept = {data.name: [entry for entry in every if data.has(entry.line)] for data in book.data}
    assert [entry.line.name for entry in kept["half"]] == ["a"] and kept["real"] == every
    assert judge(book, kept["half"]) == [] and len(judge(book, every)) == 1


@pytest.mark.parametrize(("changes", "told"), [
    ({"metrics": "x"}, "unknown key metrics; valid: system, title"),
    ({"title": None}, "title is missing"),
    ({"baseline": "c"}, "baseline: there is no line 'c'"),
    ({"data": [{"name": "real", "titel": "Real"}]}, "data: unknown key titel; valid: name, title, text"),
    ({"data": [{"name": "real", "title": "", "text": "", "lines": ["c"]}]}, "data: real: lines: there is no line c"),
    ({"groups": [{"group": "all", "lines": [{"name": "a"}]}]}, "groups: no line for the published b"),
    ({"groups": [{"group": "all", "lines": [{"name": each} for each in "abc"]}]}, "lines without a configuration: "),
    ({"claims": [{"text": "a wins", "better": "a", "worse": "b"}]}, "a wins: the published numbers say otherwise"),
    ({"claims": [{"text": "c wins", "better": "c", "worse": "b"}]}, "c wins: nothing was published for 'c'"),
])  # fmt: skip
def test_what_is_wrong_with_a_ledger_is_told(tmp_path, changes, told):
    with pytest.raises(BookError) as error:
        read_book("toy", write_book(tmp_path, **changes))
    assert told in str(error.value) and "ledger.yaml" in str(error.value)


def test_a_system_without_a_ledger_is_told():
    with pytest.raises(BookError, match="does not exist; systems with a ledger: .*deeplab"):
        read_book("nothing")
