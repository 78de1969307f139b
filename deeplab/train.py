# SPDX-License-Identifier: Apache-2.0
"""Trains the network of a configuration: python -m deeplab.train --cfg CONFIG [key=value ...]"""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from contextlib import ExitStack, nullcontext

from deeplab.config import ConfigError, load
from deeplab.core.threads import use_threads


def main(arguments: list[str] | None = None) -> int:
    """Gives the exit status: 0 trained or already done, 1 an error told on standard error, 130 interrupted."""
    parser = argparse.ArgumentParser("python -m deeplab.train", description="Train the network of a configuration.")
    parser.add_argument("--cfg", required=True, help="YAML file, see experiments/deeplab/cfgs")
    parser.add_argument("--frequent", type=int, help="batches between two log lines (default.frequent)")
    parser.add_argument("--resume", action="store_true", help="continue even if the configuration has changed")
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="settings that replace those of the file")
    options = parser.parse_intermixed_args(arguments)
    frequent = [f"default.frequent={options.frequent}"] if options.frequent else []
    try:
        cfg = load(options.cfg, [*options.overrides, *frequent])
        threads = use_threads(cfg.run.threads)  # before anything imports MXNet
        return _train(cfg, threads, options.resume or cfg.TRAIN.RESUME)
    except (ConfigError, OSError, ValueError, RuntimeError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _train(cfg, threads: int, resume: bool) -> int:
    from deeplab.core import checkpoint, devices, folder
    from deeplab.core.group import Group, size_of
    from deeplab.core.log import open_log
    from deeplab.core.provenance import provenance
    from deeplab.core.record import recorded
    from deeplab.core.rollback import train
    from deeplab.dataset import load_dataset

    devices.check_version(cfg)
    count = len(devices.contexts(cfg)) * size_of(cfg.default.kvstore)
    place = folder.prefix(cfg).parent
    begin = folder.starting_epoch(cfg, resume, count)
    if begin >= cfg.TRAIN.end_epoch:
        print(f"{place} has all {cfg.TRAIN.end_epoch} epochs: nothing to train")
        return 0
    with Group(cfg.default.kvstore) as group, ExitStack() as held:
        asked = threading.Event()  # an exception raised by the handler itself could be lost inside a destructor
        for number in (signal.SIGINT, signal.SIGTERM):  # Ctrl-C, and a batch system's way to say it
            signal.signal(number, lambda *_: asked.set())
        log = open_log(place, cfg.run.name, group.first)
        facts = {**provenance(cfg, threads), "workers": group.size}
        dataset = load_dataset(cfg, cfg.dataset.image_set)
        if group.first:
            held.callback(folder.Lock(place).release)
        for change in cfg.SCALED:
            log.info("scaled by %s: %s", cfg.OVER, change)
        if begin:
            for change in folder.differences(cfg, begin, count):
                log.info("changed since epoch %d: %s", begin, change)
            before = checkpoint.read_state(folder.prefix(cfg), begin)["threads"]
            if before != threads:
                log.info("%d threads now, %d before: the last bits differ from an unbroken run", threads, before)
        log.info("%s: %d images, %d worker(s), %d threads, gpus %r, output %s", cfg.run.name, len(dataset.records),
                 group.size, threads, cfg.gpus, place)  # fmt: skip
        try:
            with recorded(place, {"begin_epoch": begin, **facts}) if group.first else nullcontext():
                train(cfg, dataset, begin, facts, log, stop=asked.is_set, group=group)
        except KeyboardInterrupt:
            log.info("interrupted; the same command continues after epoch %d", folder.starting_epoch(cfg, resume=True))
            return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
