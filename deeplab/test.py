# SPDX-License-Identifier: Apache-2.0
"""Evaluates a trained network: python -m deeplab.test --cfg CONFIG [--ignore_cache] [--zero_offsets] [key=value ...]"""

from __future__ import annotations

import argparse
import sys

from deeplab.config import ConfigError, load
from deeplab.core.threads import use_threads


def main(arguments: list[str] | None = None) -> int:
    """Gives the exit status: 0, or 1 after an error told on standard error."""
    parser = argparse.ArgumentParser("python -m deeplab.test", description="Evaluate a trained network.")
    parser.add_argument("--cfg", required=True, help="YAML file of the trained network")
    parser.add_argument("--ignore_cache", action="store_true", help="predict again what was predicted before")
    parser.add_argument("--epoch", type=int, default=0, help="default: TEST.test_epoch, else the last one")
    parser.add_argument("--zero_offsets", action="store_true", help="with every offset set to 0")
    parser.add_argument("--both", action="store_true", help="as it is and, if it has offsets, with them set to 0")
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="settings that replace those of the file")
    options = parser.parse_intermixed_args(arguments)
    try:
        cfg = load(options.cfg, options.overrides)
        threads = use_threads(cfg.run.threads)
        return _test(cfg, threads, options)
    except (ConfigError, OSError, ValueError, RuntimeError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _test(cfg, threads: int, options) -> int:
    from deeplab.core import checkpoint, devices, folder
    from deeplab.core.evaluation import evaluate
    from deeplab.core.log import open_log
    from deeplab.core.predictor import Predictor, has_offsets
    from deeplab.core.provenance import provenance
    from deeplab.core.record import recorded
    from deeplab.dataset import load_dataset

    devices.check_version(cfg)
    predictor = Predictor(cfg, options.epoch, options.zero_offsets)
    dataset = load_dataset(cfg, cfg.dataset.test_image_set)
    place = folder.run_folder(cfg, cfg.dataset.test_image_set)
    log = open_log(place, cfg.run.name)
    if predictor.epoch in checkpoint.complete_epochs(folder.prefix(cfg)):  # a published checkpoint says nothing of it
        for change in folder.differences(cfg, predictor.epoch):
            log.info("not as in training: %s", change)
    rounds = [(predictor, options.zero_offsets)]
    if options.both and has_offsets(predictor.network.params):
        rounds = [(predictor, False), (Predictor(cfg, options.epoch, zero_offsets=True), True)]
    facts = provenance(cfg, threads)
    with recorded(place, facts):
        for each, zero in rounds:
            log.info("%s%s, %d images", each.path, " with offsets 0" if zero else "", len(dataset.records))
            evaluate(cfg, dataset, each, zero, options.ignore_cache, facts, log)
            print(folder.results_path(cfg, zero))
    return 0


if __name__ == "__main__":
    sys.exit(main())
