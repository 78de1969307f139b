# SPDX-License-Identifier: Apache-2.0
"""Trains the network of a configuration: python -m lib.commands.train CONFIG [key=value ...]"""

from __future__ import annotations

import signal
import sys
import threading
from contextlib import ExitStack, nullcontext

from lib.commands.arguments import no_files, parse, parser
from lib.run.program import program, tell
from lib.run.threads import use_threads
from lib.system import read


@program
def main(arguments: list[str] | None = None) -> int:
    """Gives the exit status: 0 trained or already done, 1 an error told on standard error, 130 interrupted."""
    made = parser("lib.commands.train", "Train the network of a configuration.")
    made.add_argument("--frequent", type=int, help="batches between two log lines (default.frequent)")
    made.add_argument("--resume", action="store_true", help="continue even if the configuration has changed")
    options = parse(made, arguments)
    no_files(made, options)
    frequent = [f"default.frequent={options.frequent}"] if options.frequent is not None else []
    system, cfg = read(options.config, [*options.settings, *frequent])
    if not cfg.TRAIN.end_epoch:
        raise ValueError("TRAIN.end_epoch: expected how many epochs to train, at least 1, got 0")
    threads = use_threads(cfg.run.threads)  # before anything imports a framework
    return _train(system, cfg, threads, options.resume or cfg.TRAIN.RESUME)


def _train(system, cfg, threads: int, resume: bool) -> int:
    from lib.commands.training import train
    from lib.engines import open_engine
    from lib.run import folder
    from lib.run.log import open_log
    from lib.run.provenance import provenance
    from lib.run.record import recorded

    place = folder.prefix(cfg).parent
    system.prepare(cfg)
    with open_engine(cfg, training=True) as engine, ExitStack() as held:
        count, first = engine.place.replicas, engine.group.first
        task = system.training(cfg, engine.place)
        if first:
            place.mkdir(parents=True, exist_ok=True)
            held.callback(folder.Lock(place).release)
        begin = folder.starting_epoch(cfg, resume, count)  # under the lock: nobody changes it any more
        if begin >= cfg.TRAIN.end_epoch:
            tell(f"{place} has all {cfg.TRAIN.end_epoch} epochs: nothing to train")
            return 0
        asked = threading.Event()  # an exception raised by the handler itself could be lost inside a destructor
        for number in (signal.SIGINT, signal.SIGTERM):  # Ctrl-C, and a batch system's way to say it
            signal.signal(number, lambda *_: asked.set())
        log = open_log(place, cfg.run.name, first)
        facts = {**provenance(cfg, threads, engine), "system": system.name, "workers": engine.group.size}
        _tell(system, cfg, threads, engine, task, begin, log)
        try:
            with recorded(place, {"begin_epoch": begin, **facts}) if first else nullcontext():
                train(cfg, task, engine, begin, facts, log, stop=asked.is_set)
        except KeyboardInterrupt:
            log.info("interrupted; the same command continues after epoch %d", folder.starting_epoch(cfg, resume=True))
            return 130
    return 0


def _tell(system, cfg, threads: int, engine, task, begin: int, log) -> None:
    """What is going to be done, and what differs from before."""
    from lib.run import checkpoint, folder

    for change in cfg.SCALED:
        log.info("scaled by %s: %s", cfg.OVER, change)
    if begin:
        for change in folder.differences(cfg, begin, engine.place.replicas):
            log.info("changed since epoch %d: %s", begin, change)
        before = checkpoint.read_state(folder.prefix(cfg), begin, ("threads",))
        if before["threads"] != threads:
            log.info("%d threads now, %d before: the last bits differ from an unbroken run", threads, before["threads"])
        if before.get("engine", "mxnet") != engine.name:
            log.info("engine %s goes on from what %s has trained", engine.name, before.get("engine", "mxnet"))
    log.info("%s: %d images per epoch, %d updates, epochs %d to %d, engine %s, %d worker(s), %d threads, gpus %r, "
             "output %s", cfg.run.name, task.images, task.updates, begin + 1, cfg.TRAIN.end_epoch, engine.name,
             engine.group.size, threads, cfg.gpus, folder.prefix(cfg).parent)  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
