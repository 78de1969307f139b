# SPDX-License-Identifier: Apache-2.0
"""Evaluates a trained network: python -m lib.commands.test CONFIG-or-RUN [--both] [--ignore_cache] [key=value ...]"""

from __future__ import annotations

import sys
from pathlib import Path

from lib.commands.arguments import guarded, no_files, parse, parser, read_config_or_run
from lib.run.threads import use_threads


def main(arguments: list[str] | None = None) -> int:
    """Gives the exit status: 0, or 1 after an error told on standard error."""
    made = parser("lib.commands.test", "Evaluate a trained network.", "CONFIG-or-RUN")
    made.add_argument("--ignore_cache", action="store_true", help="predict again what was predicted before")
    made.add_argument("--epoch", type=int, default=0, help="default: TEST.test_epoch, else the last one")
    made.add_argument("--zero_offsets", action="store_true", help="with every offset set to 0")
    made.add_argument("--both", action="store_true", help="as it is and, if it has offsets, with them set to 0")
    made.add_argument("--params", type=Path, help="a .params file of whatever origin, not one of the run's epochs")
    options = parse(made, arguments)
    no_files(made, options)

    def work() -> int:
        system, cfg, _ = read_config_or_run(options)
        threads = use_threads(cfg.run.threads)
        return _test(system, cfg, threads, options)

    return guarded(work)


def _test(system, cfg, threads: int, options) -> int:
    from lib.looking.layers import steering
    from lib.predictors import predictor
    from lib.run import checkpoint, folder
    from lib.run.log import open_log
    from lib.run.provenance import provenance
    from lib.run.record import recorded

    first = predictor(system, cfg, options.epoch, options.zero_offsets, options.params)
    place = folder.run_folder(cfg, cfg.dataset.test_image_set)
    log = open_log(place, cfg.run.name)
    if first.epoch in checkpoint.complete_epochs(folder.prefix(cfg)):  # a published checkpoint says nothing of it
        for change in folder.differences(cfg, first.epoch):
            log.info("not as in training: %s", change)
    rounds = [options.zero_offsets]
    if options.both and steering(system.layers(cfg)):
        rounds = [False, True]
    facts = {**provenance(cfg, threads, first.engine), "system": system.name}
    with recorded(place, facts):
        for zero in rounds:
            each = (
                first if zero == options.zero_offsets else predictor(system, cfg, options.epoch, zero, options.params)
            )
            log.info("%s%s", each.path, " with offsets 0" if zero else "")
            out = folder.results_path(cfg, zero)
            numbers = system.evaluate(cfg, each, out.with_suffix(""), options.ignore_cache, log)
            folder.write_results(out, numbers, each, zero, facts)
            print(out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
