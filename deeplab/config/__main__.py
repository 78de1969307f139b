# SPDX-License-Identifier: Apache-2.0
"""Prints what configurations come to, as JSON by file: python -m deeplab.config [FILE.yaml ...] [key=value ...]

Without a file it prints the defaults, under the name `defaults`.
"""

from __future__ import annotations

import argparse
import json
import sys

from deeplab.config import Config, ConfigError, as_dict, load


def main(arguments: list[str] | None = None) -> int:
    """Gives the exit status: 0, or 1 after an error told on standard error."""
    parser = argparse.ArgumentParser("python -m deeplab.config", description="Print what configurations come to.")
    parser.add_argument(
        "given", nargs="*", metavar="FILE.yaml or key=value", help="files, and settings for all of them"
    )
    given = parser.parse_args(arguments).given
    settings = [each for each in given if "=" in each]
    try:
        found = {path: as_dict(load(path, settings)) for path in given if path not in settings}
        print(json.dumps(found if given else {"defaults": as_dict(Config())}, indent=1))
    except ConfigError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
