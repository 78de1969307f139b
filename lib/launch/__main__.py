# SPDX-License-Identifier: Apache-2.0
"""Trains on several workers: python -m lib.launch --cfg CONFIG --workers N [--servers M] [key=value ...]"""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

from lib.config import is_setting
from lib.launch.plan import plan, read_hosts
from lib.launch.watch import watch
from lib.run.program import program
from lib.system import read

SSH = "ssh -o BatchMode=yes -o ServerAliveInterval=15"


@program
def main(arguments: list[str] | None = None) -> int:
    """Gives the exit status: 0, 130 interrupted, 1 an error told on standard error, else that of who failed first."""
    parser = argparse.ArgumentParser(
        "python -m lib.launch", allow_abbrev=False,
        description="Train on several workers. See docs/distributed.md.",
        epilog="All other arguments, such as --resume and key=value, are those of training.")  # fmt: skip
    parser.add_argument("config", nargs="?", default="", help="a YAML file or the name of one in experiments/*/cfgs")
    parser.add_argument("--cfg", help="the same, as earlier versions had it")
    parser.add_argument("--workers", type=int, required=True, help="processes that train, on all machines together")
    parser.add_argument("--servers", type=int, default=1, help="processes that add gradients, for MXNet (default 1)")
    parser.add_argument("--hosts", type=Path, help="file with one host a line; default: this machine")
    parser.add_argument("--ssh", default=SSH, help=f"runs a command there, as in `SSH HOST COMMAND` (default: {SSH})")
    parser.add_argument("--address", default="", help="this machine's address for the hosts, if it has several")
    options, train = parser.parse_known_args(arguments)
    if options.cfg and options.config:  # which then is the first of training's own words
        train.insert(0, options.config)
    options.cfg = options.cfg or options.config
    if not options.cfg or is_setting(options.cfg):
        parser.error("expected a configuration as the first word")
    cfg = _load(options.cfg, train)
    if not cfg.default.kvstore.startswith("dist_"):  # the same sums, over all workers
        train.append(f"default.kvstore=dist_{'device_' if cfg.gpus.strip() else ''}sync")
        cfg = _load(options.cfg, train)  # what several workers cannot do is told here, not by each of them
    hosts = read_hosts(options.hosts) if options.hosts else []
    train = [options.cfg, *train]
    jobs = plan(train, cfg.gpus, options.workers, options.servers, hosts, options.address, cfg.engine)
    return watch(jobs, shlex.split(options.ssh))


def _load(path: str, train: list[str]):
    return read(path, [word for word in train if is_setting(word) and not word.startswith("-")])[1]


if __name__ == "__main__":
    sys.exit(main())
