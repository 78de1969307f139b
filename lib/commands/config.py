# SPDX-License-Identifier: Apache-2.0
"""Prints what configurations come to, as JSON: python -m lib.commands.config [CONFIG ...] [key=value ...]

Without one it prints the defaults of every system, under its name.
"""

from __future__ import annotations

import argparse
import json
import sys

from lib.config import as_dict, is_setting
from lib.run.program import program, tell
from lib.system import load_system, read, systems


@program
def main(arguments: list[str] | None = None) -> int:
    """Gives the exit status: 0, or 1 after an error told on standard error."""
    made = argparse.ArgumentParser("python -m lib.commands.config", description="Print what configurations come to.")
    made.add_argument("given", nargs="*", metavar="CONFIG or key=value", help="settings are for all of them")
    given = made.parse_args(arguments).given
    settings = [each for each in given if is_setting(each)]
    configs = [each for each in given if each not in settings]
    found = {each: as_dict(read(each, settings)[1]) for each in configs}
    if not configs:
        found = {name: as_dict(load_system(name).schema.config()) for name in systems()}
    tell(json.dumps(found, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
