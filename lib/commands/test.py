# SPDX-License-Identifier: Apache-2.0
"""Evaluates a trained network: python -m lib.commands.test CONFIG-or-RUN [--both] [--ignore_cache] [key=value ...]"""

from __future__ import annotations

import sys
from pathlib import Path

from lib.commands.arguments import no_files, parse, parser, path, read_config_or_run
from lib.run.program import program, tell
from lib.run.threads import use_threads


@program
def main(arguments: list[str] | None = None) -> int:
    """Gives the exit status: 0, or 1 after an error told on standard error."""
    made = parser("lib.commands.test", "Evaluate a trained network.", "CONFIG-or-RUN")
    made.add_argument("--ignore_cache", action="store_true", help="predict again what was predicted before")
    made.add_argument("--epoch", type=int, default=0, help="default: TEST.test_epoch, else the last one")
    made.add_argument("--zero_offsets", action="store_true", help="with every offset set to 0")
    made.add_argument("--both", action="store_true", help="as it is and, if it has offsets, with them set to 0")
    made.add_argument("--params", type=path, help="a .params file of whatever origin, not one of the run's epochs")
    made.add_argument("--submission", action="store_true", help="predict the pictures whose labels only the "
                      "benchmark's server has (or a typed dataset.test_image_set) and write what it takes")  # fmt: skip
    options = parse(made, arguments)
    no_files(made, options)
    system, cfg, _ = read_config_or_run(options)
    if options.submission and not any(each.startswith("dataset.test_image_set=") for each in options.settings):
        cfg.dataset.test_image_set = system.hidden_test_set(cfg)
    threads = use_threads(cfg.run.threads)
    return _test(system, cfg, threads, options)


def _test(system, cfg, threads: int, options) -> int:
    from lib.predictors import parameters_of
    from lib.run import folder

    if not options.params:
        parameters_of(cfg, options.epoch)  # what is not there is told before a folder is made
    place = folder.run_folder(cfg, cfg.dataset.test_image_set)
    place.mkdir(parents=True, exist_ok=True)
    with folder.Lock(place, "evaluating"):  # before it is decided what is evaluated and what is there already
        return _test_alone(system, cfg, threads, options, place)


def _test_alone(system, cfg, threads: int, options, place: Path) -> int:
    from lib.looking.layers import steering
    from lib.predictors import predictor
    from lib.run import folder
    from lib.run.log import open_log
    from lib.run.provenance import provenance
    from lib.run.record import recorded

    first = predictor(system, cfg, options.epoch, options.zero_offsets, options.params)
    log = open_log(place, cfg.run.name)
    if not options.params:
        _tell_changes(cfg, first, log)
    rounds = [options.zero_offsets]
    if options.both and not options.submission and steering(system.layers(cfg)):
        rounds = [False, True]
    facts = {**provenance(cfg, threads, first.engine), "system": system.name}
    with recorded(place, facts):
        if options.submission:
            log.info("%s", first.path)
            tell(str(system.submit(cfg, first, place / "submission", log)))
            return 0
        for zero in rounds:
            # The epoch of the first, for a training may have gone on meanwhile.
            other = zero != options.zero_offsets
            each = predictor(system, cfg, first.epoch, zero, options.params) if other else first
            log.info("%s%s", each.path, " with offsets 0" if zero else "")
            out = folder.results_path(cfg, zero)
            numbers = system.evaluate(cfg, each, out.with_suffix(""), options.ignore_cache, log)
            folder.write_results(out, numbers, each, zero, facts)
            tell(str(out))
    return 0


def _tell_changes(cfg, predictor, log) -> None:
    """What differs from the training; a published checkpoint says nothing of it."""
    from lib.run import checkpoint, folder

    if predictor.epoch not in checkpoint.complete_epochs(folder.prefix(cfg)):
        return
    for change in folder.differences(cfg, predictor.epoch):
        log.info("not as in training: %s", change)
    written = checkpoint.read_state(folder.prefix(cfg), predictor.epoch).get("params_sha256", predictor.digest)
    if written != predictor.digest:
        log.warning("%s is not the file that training wrote: its SHA-256 is another", predictor.path)


if __name__ == "__main__":
    sys.exit(main())
