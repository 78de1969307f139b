# SPDX-License-Identifier: Apache-2.0
"""The ledger of a system (experiments/<system>/ledger.yaml).

python -m experiments.ledger deeplab                 writes what the runs in output/ measured beside what was published
python -m experiments.ledger deeplab --runs FILE     or those that are kept in a file
python -m experiments.ledger deeplab run             first trains and evaluates what is missing, on the stand-in data
python -m experiments.ledger deeplab run --data cityscapes gpus=0,1,2,3
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from experiments.ledger import page
from experiments.ledger.book import Book, books, read_book
from experiments.ledger.runs import find, kept, save
from experiments.ledger.settings import Expected
from experiments.ledger.train import check_devices, job, make


def main(arguments: list[str] | None = None) -> int:
    """Gives the exit status: 0, 1 after an error told on standard error, 130 interrupted."""
    parser = _parser()
    options = parser.parse_intermixed_args(arguments)
    try:
        _read_words(parser, options)
        book = read_book(options.system)
        expected = Expected(book)
        markdown = options.markdown or Path("output/ledger") / f"{book.system}.md"
        html = options.html or markdown.with_suffix(".html")
        if html == markdown:
            raise ValueError(f"--markdown {markdown}: the page as one file would take its place; --html names another")
        failed = _train(book, expected, options) if options.what == "run" else []
        for each in failed:
            print(f"error: {each}", file=sys.stderr)
        runs = _runs(book, expected, options)
        if options.save:
            save(options.save, runs)
        for path in page.write(book, runs, expected, markdown, html):
            print(path)
        return 1 if failed else 0
    except KeyboardInterrupt:
        print("interrupted; the same command goes on from here", file=sys.stderr)
        return 130
    except (OSError, ValueError, RuntimeError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "python -m experiments.ledger",
        description="Set what runs have measured beside what was published, and make the runs that are missing.",
    )
    parser.add_argument("words", nargs="*", metavar="[SYSTEM] [table|run] [key=value ...]",
                        help=f"SYSTEM: {', '.join(books())}. table, the default, writes"
                        " the pages; run makes the missing runs first, with these settings")  # fmt: skip
    parser.add_argument("--data", help="run: what to train on (default: the first kind of data in the ledger)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3], help="run: (default 1 2 3)")
    parser.add_argument("--lines", nargs="+", metavar="NAME", help="run: only these lines of the ledger")
    parser.add_argument("--jobs", type=int, default=1, help="run: at once; they divide the GPUs (default %(default)s)")
    parser.add_argument("--threads", type=int, default=1, help="run: of each run (default %(default)s)")
    parser.add_argument("--output", type=Path, default=Path("output"), help="folder searched for runs")
    parser.add_argument(
        "--runs", type=Path, metavar="FILE", help="table: take the runs from this file, not from output"
    )
    parser.add_argument("--save", type=Path, metavar="FILE", help="keep what the runs measured in this file")
    parser.add_argument("--markdown", type=Path, help="the page (default output/ledger/SYSTEM.md)")
    parser.add_argument("--html", type=Path, help="the page as one file (default: beside the other one)")
    return parser


def _read_words(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    words, known = options.words, books()
    if words and words[0] in known:
        options.system = words.pop(0)
    elif len(known) == 1:
        options.system = known[0]
    else:
        parser.error(f"expected a system as the first word, one of {', '.join(known)}")
    options.what = words.pop(0) if words and words[0] in ("table", "run") else "table"
    options.settings = words
    if wrong := [each for each in words if "=" not in each]:
        parser.error(f"expected a system ({', '.join(known)}), table, run or key=value, got {' '.join(wrong)}")
    if options.what == "run" and options.runs:
        parser.error("--runs goes with table, not with run")
    if options.what == "table" and words:
        parser.error(f"settings go with run, not with table: {' '.join(words)}")
    said = {"run.seed": "--seeds", "run.name": "its line", "OVER": "--data"}  # otherwise it would be another run
    if wrong := [each for each in words if each.partition("=")[0] in said]:
        parser.error(f"{wrong[0]}: {said[wrong[0].partition('=')[0]]} says that of a run")
    options.seeds = list(dict.fromkeys(options.seeds))
    if options.jobs < 1:
        parser.error(f"--jobs: expected at least 1, got {options.jobs}")


def _runs(book: Book, expected: Expected, options: argparse.Namespace) -> list:
    """The runs that the page is about; tells where they come from and what was left out."""
    if options.runs:
        return kept(options.runs, expected)
    runs, left_out = find(book, options.output, expected)
    for each in left_out:
        print(f"left out: {each}")
    if runs or not book.kept or not book.kept.is_file():
        return runs
    print(f"no finished run of a line in {options.output}: these are the runs kept in {os.path.relpath(book.kept)}")
    return kept(book.kept, expected)


def _train(book: Book, expected: Expected, options: argparse.Namespace) -> list[str]:
    """Trains what is missing, seed by seed; gives what failed."""
    data = _chosen("--data", [options.data or book.data[0].name], [each.name for each in book.data])[0]
    lines = [line for line in book.lines if book.kind(data).has(line)]
    names = _chosen("--lines", options.lines or [], [line.name for line in lines])
    same = expected.representatives(data)
    chosen = {same[line.config] for line in lines if not names or line.name in names}
    there = {(run.config, run.seed) for run in find(book, options.output, expected)[0] if run.data == data}
    paths = {line.config: line.path for line in book.lines}
    jobs = []
    for seed in options.seeds:
        settings = [f"run.seed={seed}", f"run.threads={options.threads}", *options.settings]
        missing = [paths[name] for name in paths if name in chosen and (name, seed) not in there]
        jobs += [job(path, book.kind(data), settings) for path in missing]
    check_devices(jobs, options.jobs, expected[data])
    print(f"{len(chosen) * len(options.seeds)} runs on {data}, {len(jobs)} of them to be made", flush=True)
    return make(jobs, options.jobs) if jobs else []


def _chosen(option: str, names: list[str], known: list[str]) -> list[str]:
    """`names`. Raises ValueError for one that is not known."""
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ValueError(f"{option}: there is no {', '.join(unknown)}; there are {', '.join(known)}")
    return names


if __name__ == "__main__":
    sys.exit(main())
