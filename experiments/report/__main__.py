# SPDX-License-Identifier: Apache-2.0
"""The ledger of the report.

python -m experiments.report                 writes what the runs in output/ have measured beside what was published
python -m experiments.report --runs docs/report.json      or those that are kept in a file
python -m experiments.report run             first trains and evaluates what is missing, on the stand-in data
python -m experiments.report run --data cityscapes gpus=0,1,2,3
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from experiments.report import page
from experiments.report.published import Line, read_claims, read_lines
from experiments.report.runs import find, load, save
from experiments.report.settings import DATA, representatives, resolve
from experiments.report.train import Crew, job


def main(arguments: list[str] | None = None) -> int:
    """Gives the exit status: 0, 1 after an error told on standard error, 130 interrupted."""
    options = _options(arguments)
    try:
        lines = read_lines()
        paths = {line.config: line.path for line in lines}
        expected = {data: resolve([*paths.values()], data) for data in DATA}
        failed = _train(lines, paths, expected, options) if options.what == "run" else []
        for each in failed:
            print(f"error: {each}", file=sys.stderr)
        runs, left_out = (load(options.runs), []) if options.runs else find(options.output, expected)
        for each in left_out:
            print(f"left out: {each}")
        if options.save:
            save(options.save, runs)
        for path in page.write(lines, read_claims(), runs, expected, options.markdown, options.html):
            print(path)
        return 1 if failed else 0
    except KeyboardInterrupt:
        print("interrupted; the same command goes on from here", file=sys.stderr)
        return 130
    except (OSError, ValueError, RuntimeError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _options(arguments):
    parser = argparse.ArgumentParser("python -m experiments.report", description=__doc__.splitlines()[0])
    parser.add_argument("what", nargs="?", choices=("table", "run"), default="table", help="default: table")
    parser.add_argument("settings", nargs="*", metavar="key=value", help="run: settings for all runs, such as gpus=0")
    parser.add_argument("--data", choices=DATA, default="stand-in", help="run: what to train on (default %(default)s)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3], help="run: (default 1 2 3)")
    parser.add_argument("--lines", nargs="+", metavar="NAME", help="run: only these lines of the ledger")
    parser.add_argument("--jobs", type=int, default=1, help="run: at once (default %(default)s)")
    parser.add_argument("--threads", type=int, default=1, help="run: of each run (default %(default)s)")
    parser.add_argument("--output", type=Path, default=Path("output"), help="folder searched for runs")
    parser.add_argument(
        "--runs", type=Path, metavar="FILE", help="table: take the runs from this file, not from output"
    )
    parser.add_argument("--save", type=Path, metavar="FILE", help="keep what the runs measured in this file")
    parser.add_argument("--markdown", type=Path, default=Path("output/report/report.md"), help="(default %(default)s)")
    parser.add_argument("--html", type=Path, default=Path("output/report/report.html"), help="(default %(default)s)")
    options = parser.parse_intermixed_args(arguments)
    if options.runs and options.what == "run":
        parser.error("--runs goes with table, not with run")
    if wrong := [each for each in options.settings if "=" not in each]:
        parser.error(f"expected key=value, got {' '.join(wrong)}")
    return options


def _train(lines: list[Line], paths: dict[str, Path], expected: dict[str, dict], options) -> list[str]:
    """Trains what is missing, seed by seed; gives what failed."""
    known = {line.name for line in lines}
    if unknown := set(options.lines or ()) - known:
        raise ValueError(f"--lines: there is no {', '.join(sorted(unknown))}; there are {', '.join(sorted(known))}")
    same = representatives(expected[options.data])
    chosen = {same[line.config] for line in lines if not options.lines or line.name in options.lines}
    there = {(run.config, run.seed) for run in find(options.output, expected)[0] if run.data == options.data}
    jobs = []
    for seed in options.seeds:
        settings = [f"run.seed={seed}", f"run.threads={options.threads}", *options.settings]
        missing = [paths[name] for name in paths if name in chosen and (name, seed) not in there]
        resolved = resolve(missing, options.data, *settings) if missing else {}
        jobs += [job(path, options.data, settings, resolved[path.stem]) for path in missing]
    print(f"{len(chosen) * len(options.seeds)} runs on {options.data}, {len(jobs)} of them to be made", flush=True)
    return Crew(options.jobs).work(jobs) if jobs else []


if __name__ == "__main__":
    sys.exit(main())
