# SPDX-License-Identifier: Apache-2.0
"""The ledger's text: tables and sentences in Markdown, from what was published and what was measured."""

from __future__ import annotations

from statistics import mean

from experiments.ledger.book import Book, Data, Line, longest
from experiments.ledger.compare import Entry, Value, Verdict


def head(book: Book) -> str:
    """The page's title and what it is."""
    return f"# {book.title}\n\n{book.head}\n"


def section(book: Book, data: Data, table: list[Entry]) -> str:
    """The heading, the table of all lines and its notes for one kind of data."""
    parts = [f"## {data.title}\n", data.text]
    base = next(line for line in book.lines if line.name == book.baseline)
    if not any(entry.runs for entry in table):
        header = [*_published_header(book), "hours", "source"]
        rows = _grouped(
            table,
            lambda each: [*_published(book, each, base), _number(each.line.hours, 1), each.line.source],
            len(header),
        )
        published = any(entry.line.value is not None or entry.line.also for entry in table)
        said = "What was published:" if published else "Its lines, for which no published number was found:"
        return "\n".join([*parts, f"**No runs yet.** {said}\n", table_of(header, rows)])
    header = [*_published_header(book), f"measured {book.metric}", "gain"]
    header += [f"measured {name}" for name in book.also.values()]
    header += ["difference"] if data.comparable else []
    header += ["measured loss", "seeds", "commit", "threads", "data", "minutes"]
    rows = _grouped(table, lambda entry: [*_published(book, entry, base), *_measured(book, data, entry)], len(header))
    return "\n".join([*parts, table_of(header, rows), *_notes(book, data, table)])


def _grouped(table: list[Entry], cells, width: int) -> list[list[str]]:
    """cells(entry) of all entries, with a row of its own before each group."""
    rows, group = [], None
    for entry in table:
        if entry.line.group != group:
            group = entry.line.group
            rows.append(["", f"**{group}**", *[""] * (width - 2)])
        rows.append(cells(entry))
    return rows


def _published_header(book: Book) -> list[str]:
    names = [f"published {name}" for name in book.also.values()]
    return ["line", "setting", f"published {book.metric}", "gain", *names, "published loss"]


def _published(book: Book, entry: Entry, base: Line) -> list[str]:
    line, both = entry.line, entry.line.value is not None and base.value is not None
    gain = f"{line.value - base.value:+.3f}" if both and line is not base else ""
    more = [_number(line.also.get(key), 5) for key in book.also]
    return [f"`{line.name}`", line.setting, _number(line.value, 5), gain, *more, _number(line.loss, 6)]


def _measured(book: Book, data: Data, entry: Entry) -> list[str]:
    line, runs = entry.line, list(entry.runs.values())
    cells = [spread(entry.value), spread(entry.gain, sign=True)]
    more = [[run.also[key] for run in runs if key in run.also] for key in book.also]
    cells += [spread(Value.of(numbers) if numbers else None) for numbers in more]
    if data.comparable:
        both = entry.value is not None and line.value is not None
        cells.append(f"{entry.value.mean - line.value:+.4f}" if both else "")
    cells += [spread(entry.loss), ", ".join(map(str, entry.runs))]
    cells += [_all(run.commit for run in runs), _all(run.threads for run in runs), data.name if runs else ""]
    return [*cells, f"{mean(run.seconds for run in runs) / 60:.1f}" if runs else ""]


def _notes(book: Book, data: Data, table: list[Entry]) -> list[str]:
    notes = [
        f"{book.definition}, measured values are mean ± standard deviation over the seeds; a gain is",
        "over the baseline, seed by seed. Loss is the mean of the last epoch. Minutes are wall time of training, mean",
        "over the seeds. A + behind a commit: files differed from it.\n",
    ]
    if shared := [f"`{entry.line.name}` (= `{entry.shares}`)" for entry in table if entry.shares]:
        notes.append(f"Lines that come to the same configuration share one run: {', '.join(shared)}.\n")
    if data.over:
        common = table[0].scaled
        notes += (
            [f"Scaled down in every twin, unless its line says otherwise: {'; '.join(common)}.\n"] if common else []
        )
        for entry in table:
            own = [each for each in entry.scaled if each not in common]
            notes += [f"- `{entry.line.name}`: {'; '.join(own)}"] if own else []
        notes.append("")
    versions = sorted(
        {f"{name} {number}" for entry in table for run in entry.runs.values() for name, number in run.versions.items()}
    )
    return [*notes, f"Versions: {', '.join(versions)}.\n"] if versions else notes


def orderings(book: Book, verdicts: list[Verdict], table: list[Entry]) -> str:
    """Which published orderings hold here, in a paragraph and a table, and all lines from best to worst."""
    if not verdicts:
        return ""
    parts = [_held(book, [each for each in verdicts if each.among == among], among)
             for among in dict.fromkeys(each.among for each in verdicts)]  # fmt: skip
    ranked = sorted(
        (entry for entry in table if entry.gain and not entry.shares), key=lambda entry: -book.sign * entry.gain.mean
    )
    ranking = ", ".join(f"`{entry.line.name}` {entry.gain.mean:+.3f}" for entry in ranked)
    return "\n".join([*parts, f"All lines by mean gain over the baseline: {ranking}.\n"])


def _held(book: Book, verdicts: list[Verdict], among: str) -> str:
    """The heading, the paragraph and the table of the verdicts on one group of lines."""
    rows = []
    for each in verdicts:
        value = each.difference
        count = f"{each.agreeing} of {value.count}" if value else ""
        rows.append(
            [each.claim.text, each.claim.source, f"{each.published:+.4f}", spread(value, sign=True), count, each.text]
        )
    header = [
        f"the {book.publication} says",
        "where",
        "published difference",
        "measured difference",
        "seeds that agree",
        "here",
    ]
    title = f"### Do the {book.publication}'s orderings hold here?\n"
    if among:
        title = f"### {among}: do the orderings hold?\n"
    return "\n".join([title, _paragraph(book, verdicts, bool(among)), table_of(header, rows)])


def _paragraph(book: Book, verdicts: list[Verdict], again: bool) -> str:
    def listed(text):
        found = [each.claim.text for each in verdicts if each.text == text]
        return len(found), "; ".join(found) or "none"

    held, reversed_, open_ = listed("holds"), listed("reversed"), listed("undecided")
    seeds = max((each.difference.count for each in verdicts if each.difference), default=0)
    told = sum(each.difference is not None for each in verdicts)
    text = (
        f"An ordering counts as held, or reversed, if every seed (of at most {seeds}) says so and the mean difference "
        f"is more than twice its standard error. So few seeds make that a sign, not a proof. Of {told} orderings that "
        "could be checked,\n\n"
        f"- **{held[0]} hold:** {held[1]}.\n- **{reversed_[0]} reversed:** {reversed_[1]}.\n"
        f"- **{open_[0]} undecided:** {open_[1]}.\n"
    )
    if book.spread is None or again:
        return text
    inside = [each.claim.text for each in verdicts if each.published < book.spread.value] or ["none"]
    return (
        f"{text}\n{book.spread.text} {book.spread.value}. Published differences smaller than that say little: "
        f"{'; '.join(inside)}.\n"
    )


def offsets(book: Book, table: list[Entry]) -> str:
    """Longest learned offset of the active lines beside the bound that normalized gradients put on it; '' if no line
    has any."""
    printed = {name: longest(layers) for name, layers in book.offsets.items()}
    rows = []
    for entry in table:
        lengths = [run.longest for run in entry.runs.values() if run.longest is not None]
        bounds = [run.bound for run in entry.runs.values() if run.bound is not None]
        if lengths or entry.line.name in printed:
            rows.append([
                f"`{entry.line.name}`", _number(printed.get(entry.line.name), 1),
                f"{max(lengths):.2f}" if lengths else "", f"{max(bounds):.2f}" if bounds else "none" if lengths else "",
            ])  # fmt: skip
    if not rows:
        return ""
    return "\n".join([
        "### How far offsets went\n",
        "In pixels of the layer's input. With normalized gradients no offset can be longer than devices x"
        " offset_lr_rate / (1 - momentum) x the sum of the learning rates (`lib/looking/displacement.py`); a plain"
        " gradient has no bound.\n",
        table_of(["line", f"longest printed in the {book.publication}", "longest measured",
                  "bound of the measured run"], rows),
    ])  # fmt: skip


def spread(value: Value | None, sign: bool = False) -> str:
    """`0.5123 ± 0.0042`, without the spread for a single seed, '' for nothing."""
    if value is None:
        return ""
    text = f"{value.mean:+.4f}" if sign else f"{value.mean:.4f}"
    return text if value.spread is None else f"{text} ± {value.spread:.4f}"


def table_of(header: list[str], rows: list[list[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def _all(values) -> str:
    return ", ".join(str(each) for each in dict.fromkeys(values))
