# SPDX-License-Identifier: Apache-2.0
"""Checks a data set before it is trained on: python -m lib.commands.check_data FOLDER-or-CONFIG [key=value ...]"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from lib.commands.arguments import is_config, no_files, parse, parser
from lib.data.preflight import Finding, Report, check
from lib.data.preflight.findings import ERROR, WARNING
from lib.run.program import program, tell
from lib.system import read

SHOWN = 5  # files named per fault


@program
def main(arguments: list[str] | None = None) -> int:
    """Gives the exit status: 0 usable (warnings at most), 1 something is wrong, 2 the command is."""
    made = parser("lib.commands.check_data", "Count the pictures and labels of a data set in Cityscapes' format, read "
                  "every one of them, and say what is wrong and what to do. With a configuration: what it trains and "
                  "tests on.", "FOLDER-or-CONFIG")  # fmt: skip
    made.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)), help="threads (default %(default)s)")
    made.add_argument("--all", action="store_true", help=f"name every file, not the first {SHOWN} of each fault")
    options = parse(made, arguments)
    no_files(made, options)
    if is_config(options.config):
        system, cfg = read(options.config, options.settings)
        report = system.check_data(cfg, options.workers)
    elif options.settings:
        made.error(f"{options.settings[0]}: settings need a configuration, {options.config} is a folder")
    else:
        report = check(options.config, workers=options.workers)
    for line in lines(report, None if options.all else SHOWN):
        tell(line)
    return 0 if report.usable else 1


def lines(report: Report, shown: int | None = SHOWN) -> list[str]:
    """The report as text: counts, then faults with what to do, errors first. shown: files per fault, None: all."""
    text = [f"{report.root}"]
    for name, counts in report.splits.items():
        sizes = ", ".join(f"{w} x {h}" + (f" ({count})" if len(counts.sizes) > 1 else "")
                          for (h, w), count in counts.sizes.most_common(4))  # fmt: skip
        text.append(f"  {name}: {counts.pictures} pictures, {counts.labelled} with labels; {sizes or 'no size known'}")
        width = max((len(city) for city in counts.cities), default=0)
        for city, (count, labelled) in counts.cities.items():
            text.append(f"    {city:{width}}  {count:5}" + ("" if labelled == count else f"  ({labelled} with labels)"))
    for level in (ERROR, WARNING):
        for (fault, advice), found in _groups(report.findings, level).items():
            text.append(f"{level}: {fault} ({len(found)})")
            for one in found[:shown]:
                text.append(f"    {_short(one.where, report.root)}{': ' if one.detail else ''}{one.detail}")
            if shown and len(found) > shown:
                text.append(f"    ... and {len(found) - shown} more (--all names them)")
            if advice:
                text.append(f"  what to do: {advice}")
    numbers = [sum(finding.level == level for finding in report.findings) for level in (ERROR, WARNING)]
    verdict = "this data set can be used" if report.usable else "this data set cannot be used as it is"
    return [*text, f"{verdict}: {numbers[0]} errors, {numbers[1]} warnings"]


def _groups(findings: list[Finding], level: str) -> dict[tuple[str, str], list[Finding]]:
    groups: dict[tuple[str, str], list[Finding]] = {}
    for finding in findings:
        if finding.level == level:
            groups.setdefault((finding.fault, finding.what_to_do), []).append(finding)
    return groups


def _short(where: str, root: Path) -> str:
    path = Path(where)
    return str(path.relative_to(root)) if path != root and root in path.parents else where


if __name__ == "__main__":
    sys.exit(main())
