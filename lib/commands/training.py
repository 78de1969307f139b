# SPDX-License-Identifier: Apache-2.0
"""One training from its start, or from where it was, to its end: state, watchers, the loop, and rollbacks."""

from __future__ import annotations

import json
import zlib
from pathlib import Path

import numpy as np

from lib.engines import Engine
from lib.looking.layers import looking_layers, steering
from lib.looking.watchers import BoundOffsets, HoldOffsets, WatchOffsets, bound_of
from lib.run import checkpoint, folder
from lib.run.atomic import write_bytes
from lib.run.folder import prefix
from lib.run.held_out import WatchHeldOut
from lib.run.loop import Diverged, Plan, loop
from lib.run.neighbours import WatchNeighbours
from lib.run.schedule import schedule
from lib.run.task import Task, parts


def train(cfg, task: Task, engine: Engine, begin: int, facts: dict, log, stop=lambda: False) -> None:
    """Trains from `begin` complete epochs to cfg.TRAIN.end_epoch, with a checkpoint after each.

    facts: goes into every checkpoint's .json. stop: see `Plan`. When the run diverges under run.on_explosion=rollback
    it goes back to its last complete epoch (to its initial state if there is none) and the learning rate of all that
    makes offsets is multiplied by run.rollback_factor; without that the same would happen again, bit for bit. Each
    checkpoint says how often this has happened, so that an interrupted run goes on as it would have.
    Raises Diverged after run.max_rollbacks, or at once if the network has no offsets. (Configurations with several
    workers and rollback are refused: MXNet cannot create a distributed KVStore's entries anew.)
    """
    can_slow = bool(steering(looking_layers(task.network.graph)))
    rollbacks = checkpoint.read_state(prefix(cfg), begin).get("rollbacks", 0) if begin else 0
    while True:
        try:
            return _train_once(cfg, task, engine, begin, facts, log, stop, rollbacks)
        except Diverged as error:
            if cfg.run.on_explosion != "rollback" or not can_slow:
                raise
            if rollbacks >= cfg.run.max_rollbacks:
                raise Diverged(
                    f"{error}\nrun.max_rollbacks: went back {rollbacks} times, which did not help"
                ) from error
            rollbacks += 1
            begin = (checkpoint.complete_epochs(prefix(cfg)) or [0])[-1]
            log.warning("%s", error)
            log.warning("rollback %d of %d: on from epoch %d, offsets learn at %g of their rate", rollbacks,
                        cfg.run.max_rollbacks, begin, cfg.run.rollback_factor**rollbacks)  # fmt: skip


def _train_once(cfg, task: Task, engine: Engine, begin: int, facts, log, stop, rollbacks: int) -> None:
    _agree(cfg, begin, task, engine)
    engine.build(task.network)
    _start(cfg, begin, task, engine, log)
    before = checkpoint.read_state(prefix(cfg), begin).get("rollbacks", 0) if begin else 0
    _slow_down(engine, cfg.run.rollback_factor, rollbacks, before)
    rate = schedule(cfg, task.images, task.per_update)
    plan = Plan(prefix(cfg), begin, cfg.TRAIN.end_epoch, rate, cfg.default.frequent, cfg.run.seed, facts, log, stop,
                rollbacks)  # fmt: skip
    watchers = watchers_of(cfg, task, engine, rate, log, rollbacks)
    if not cfg.gpus:
        watchers.append(WatchNeighbours(log))
    loop(task, engine, plan, watchers)


def watchers_of(cfg, task: Task, engine: Engine, rate, log, rollbacks: int) -> list:
    """What keeps and tells where the layers look."""

    def one_batch() -> dict[str, np.ndarray]:
        return dict(parts(next(iter(task.batches(0))), len(engine.devices))[0])

    bound = bound_of(engine, cfg, rate, task.updates)
    watch = WatchOffsets(engine, cfg.run.on_explosion, cfg.run.offset_limit, one_batch, log, rollbacks, bound)
    bounds = [BoundOffsets(engine, task.offset_bound)] if task.offset_bound else []
    held_out = [WatchHeldOut(engine, task.held_out, log)] if task.held_out else []
    return [HoldOffsets(engine, cfg.run.offset_warmup_epochs), *bounds, watch, *held_out]


def _agree(cfg, begin: int, task: Task, engine: Engine) -> None:
    """Raises GroupError if the workers would not train the same network on the parts of the same batches."""
    group = engine.group
    group.agree(f"complete epochs in {prefix(cfg).parent} (all must see one folder)", begin)
    group.agree("images per epoch", task.images)
    group.agree("number of devices", len(engine.devices))
    settings = json.dumps(folder.settings_that_matter(cfg), sort_keys=True)
    group.agree("configuration (checksum)", zlib.crc32(settings.encode()))


def _start(cfg, begin: int, task: Task, engine: Engine, log) -> None:
    """Gives the network its initial, pretrained or checkpointed state."""
    place = prefix(cfg).parent
    if engine.group.first and task.source:
        write_bytes(place / Path(task.source).name, Path(task.source).read_bytes())  # as the original does
    if begin:
        state = checkpoint.read_state(prefix(cfg), begin, ("images",))
        if state["images"] != task.images:
            raise ValueError(
                f"the data set has {task.images} images per epoch; the run in {place} was begun with {state['images']}"
            )
        checkpoint.restore(prefix(cfg), begin, engine, cfg.TRAIN.momentum, cfg.TRAIN.optimizer)
        if engine.group.first:
            checkpoint.remove_after(prefix(cfg), begin)
        log.info("continue after epoch %d of %s", begin, prefix(cfg))
    else:
        task.begin(engine, log)


def _slow_down(engine: Engine, factor: float, times: int, times_before: int) -> None:
    """Offsets (and masks, where one branch makes both) learn at factor**times of their rate.

    times_before: what `times` was when the momentum was saved; sgd's shrinks as the rate has since, or it would go on
    pushing at the old one (adam's means hold gradients, without the rate).
    """
    names = steering(looking_layers(engine.network.graph))
    if times:
        engine.slow(names, factor**times)
    if times != times_before:
        held = engine.momentum()
        engine.load_momentum({name: held[name] * factor ** (times - times_before) for name in names if name in held})
