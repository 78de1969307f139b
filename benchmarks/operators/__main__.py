# SPDX-License-Identifier: Apache-2.0
"""python -m benchmarks.operators: exit status 0 all measured, 1 something failed, 2 wrong words, 130 interrupted."""

from __future__ import annotations

import signal
import sys
from contextlib import closing
from datetime import datetime

from benchmarks.operators.arguments import parse
from benchmarks.operators.machine import describe, load_average
from benchmarks.operators.measure import measure
from benchmarks.operators.table import case_table, heading, summary
from operators.gpu_suite.result import write_json


def main(arguments: list[str] | None = None) -> int:
    options = parse(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a batch system's way to say Ctrl-C
    report = {
        "started": datetime.now().astimezone().isoformat(timespec="seconds"),
        "settings": options.settings(),
        "machine": describe(),
        "load_before": load_average(),
        "complete": False,
        "versions": {},
        "results": [],
    }
    print(heading(report), flush=True)
    try:
        with closing(measure(options, report["versions"])) as results:
            for result in results:
                report["results"].append(result)
                print(case_table(result), flush=True)
        report["complete"] = True
    except KeyboardInterrupt:
        print(f"interrupted after {len(report['results'])} of {len(options.jobs)} cases", file=sys.stderr)
    report["finished"] = datetime.now().astimezone().isoformat(timespec="seconds")
    report["load_after"] = load_average()
    print(summary(report))
    if options.json:
        write_json(report, options.json)
        print(f"written: {options.json}")
    if not report["complete"]:
        return 130
    statuses = [entry["status"] for result in report["results"] for entry in result["engines"].values()]
    return int(any(status in ("failed", "busy") for status in statuses))


if __name__ == "__main__":
    sys.exit(main())
