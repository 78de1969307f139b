# SPDX-License-Identifier: Apache-2.0
"""Draws summary.png of a trained and evaluated run: python -m lib.commands.summary CONFIG-or-RUN [key=value ...]"""

from __future__ import annotations

import sys

from lib.commands.arguments import guarded, no_files, parse, parser, read_config_or_run


def main(arguments: list[str] | None = None) -> int:
    """Gives the exit status: 0, or 1 after an error told on standard error."""
    made = parser("lib.commands.summary", "Draw summary.png of a run.", "CONFIG-or-RUN")
    options = parse(made, arguments)
    no_files(made, options)

    def work() -> int:
        system, cfg, _ = read_config_or_run(options)
        print(system.summary(cfg))
        return 0

    return guarded(work)


if __name__ == "__main__":
    sys.exit(main())
