# SPDX-License-Identifier: Apache-2.0
"""Draws summary.png of a trained and evaluated run: python -m lib.commands.summary CONFIG-or-RUN [key=value ...]"""

from __future__ import annotations

import sys
from contextlib import nullcontext

from lib.commands.arguments import no_files, parse, parser, read_config_or_run
from lib.run.folder import Lock, run_folder
from lib.run.program import program, tell


@program
def main(arguments: list[str] | None = None) -> int:
    """Gives the exit status: 0, or 1 after an error told on standard error."""
    made = parser("lib.commands.summary", "Draw summary.png of a run.", "CONFIG-or-RUN")
    options = parse(made, arguments)
    no_files(made, options)
    system, cfg, _ = read_config_or_run(options)
    place = run_folder(cfg, cfg.dataset.test_image_set)
    with Lock(place, "evaluating") if place.is_dir() else nullcontext():  # whose results it draws
        tell(str(system.summary(cfg)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
