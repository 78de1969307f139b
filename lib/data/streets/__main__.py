# SPDX-License-Identifier: Apache-2.0
"""Makes a streets dataset: python -m lib.data.streets OUT [--train N] [--val N] [--size HxW] [--seed S]"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

from lib.data.streets.write import Settings, generate
from lib.run.program import program, tell


@program
def main(arguments: list[str] | None = None) -> int:
    """Gives the exit status: 0 the dataset is there, 1 an error told on standard error."""
    parser = argparse.ArgumentParser(
        prog="python -m lib.data.streets",
        description="Make a street-like dataset in Cityscapes' folder and file format (see docs/streets.md).",
    )
    parser.add_argument("out", metavar="OUT", help="folder to make; skipped if it is there with the same settings")
    parser.add_argument("--train", type=int, default=Settings.train, help="training pictures (default %(default)s)")
    parser.add_argument("--val", type=int, default=Settings.val, help="validation pictures (default %(default)s)")
    parser.add_argument("--size", type=_size, default=(128, 192), help="HEIGHTxWIDTH in pixels (default 128x192)")
    parser.add_argument("--seed", type=int, default=Settings.seed, help="(default %(default)s)")
    parser.add_argument("--workers", type=int, default=1, help="processes (default %(default)s)")
    parser.add_argument("--replace", action="store_true", help="renew a streets dataset that has other settings")
    options = parser.parse_args(arguments)
    height, width = options.size
    settings = Settings(options.train, options.val, height, width, options.seed)
    made = generate(Path(options.out).expanduser(), settings, options.replace, max(1, options.workers))
    tell(f"{options.out}: {'made' if made else 'already there'}, {options.train} + {options.val} pictures")
    return 0


def _size(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d+)x(\d+)", text)
    if not match:
        raise argparse.ArgumentTypeError(f"expected HEIGHTxWIDTH such as 128x192, got {text!r}")
    return int(match[1]), int(match[2])


if __name__ == "__main__":
    sys.exit(main())
