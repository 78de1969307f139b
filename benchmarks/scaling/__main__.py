# SPDX-License-Identifier: Apache-2.0
"""python -m benchmarks.scaling measure [--rounds N] | show"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from benchmarks.scaling.measure import measure
from benchmarks.scaling.show import draw, filled
from lib.run.atomic import replacing, write_json

ROOT = Path(__file__).parents[2]
RESULT = ROOT / "benchmarks/results/scaling.json"
DOCUMENT = ROOT / "docs/scaling.md"
PICTURE = ROOT / "docs/images/scaling.png"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser("python -m benchmarks.scaling", description="What limits training on many GPUs.")
    parser.add_argument("what", choices=["measure", "show"])
    parser.add_argument("--rounds", type=int, default=10, help="repetitions of each measurement")
    options = parser.parse_args(arguments)
    if options.what == "measure":
        write_json(RESULT, measure(options.rounds))
        print(RESULT)
        return 0
    result = json.loads(RESULT.read_text(encoding="utf-8"))
    text = filled(DOCUMENT.read_text(encoding="utf-8"), result)
    with replacing(DOCUMENT) as new:
        new.write_text(text, encoding="utf-8")
    draw(result, PICTURE)
    print(DOCUMENT, PICTURE, sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
