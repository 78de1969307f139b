# SPDX-License-Identifier: Apache-2.0
"""The training loop: epochs, updates, what is written after each, and where a run goes on from. It knows no system and
no framework: a `Task` says what is trained, an `Engine` computes, watchers look on."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lib.run import checkpoint
from lib.run.log import Progress
from lib.run.metrics import Metrics, NoMetrics, Sums, as_line
from lib.run.task import Task, parts
from lib.run.watcher import Watcher


class Diverged(RuntimeError):
    """The loss or a parameter is no longer a finite number, or a watcher says that the run cannot go on."""


@dataclass(frozen=True)
class Plan:
    """How far a run goes, and what it leaves where.

    prefix: of its checkpoints. begin, end: complete epochs. rate: (update, from 1) -> learning rate. frequent: batches
    between two log lines. seed: of what is random in the network. facts: go into every checkpoint. log: a
    logging.Logger. stop: asked after every update; True in any worker ends all, by KeyboardInterrupt. rollbacks: how
    often this run has gone back.
    """

    prefix: Path
    begin: int
    end: int
    rate: Callable[[int], float]
    frequent: int
    seed: int
    facts: dict
    log: object
    stop: Callable[[], bool] = lambda: False
    rollbacks: int = 0


def loop(task: Task, engine, plan: Plan, watchers: Sequence[Watcher] = ()) -> None:
    """Trains from plan.begin complete epochs to plan.end, with a checkpoint after each.

    Two runs of one configuration give the same losses bit for bit on one machine with one number of threads, whether
    or not one of them was interrupted. Raises Diverged; the last checkpoint then is still a good one.
    """
    first, update = engine.group.first, plan.begin * task.updates

    def check(problem: str, epoch: int, update: int) -> None:
        if problem:
            told = [f"learning rate {plan.rate(update):g}", *(each.tell() for each in watchers)]
            where = f"at update {update} (epoch {epoch}), {', '.join(filter(None, told))}"
            after = f"{task.advice} The last checkpoint is from before this and stays.".lstrip()
            raise Diverged(f"training diverged: {problem} {where}.\n{after}")

    metrics = Metrics(plan.prefix.parent / "metrics.jsonl", update) if first else NoMetrics()
    with closing(metrics), Progress(plan, task, update) as progress:
        for epoch in range(plan.begin, plan.end):
            for watcher in watchers:
                watcher.before_epoch(epoch)
            engine.seed(plan.seed + epoch)  # for networks with dropout: a resumed epoch draws the same
            sums = Sums(task.losses)
            progress.start_epoch(epoch)
            for number, (batch, *more) in enumerate(task.groups(epoch)):
                update += 1
                outputs = engine.update(batch, plan.rate(update), *more)
                measured, stops = _together(task, engine, outputs, [batch, *more], plan.stop())
                line = as_line(sums.add(measured), task.losses)
                metrics.write(event="update", update=update, epoch=epoch, lr=plan.rate(update), **line)
                problem = "" if math.isfinite(line["loss"]) else f"the loss is {line['loss']}"
                check(problem or _first(each.after_update() for each in watchers), epoch, update)
                progress.batch_line(epoch, number, sums.means())
                if stops:
                    raise KeyboardInterrupt
            engine.share_statistics()
            check(_not_finite(engine), epoch, update)
            seconds = progress.epoch_lines(epoch, sums.means())
            seen = [watcher.after_epoch(epoch) for watcher in watchers]
            check(_common(engine, _first(each.problem for each in seen)), epoch, update)
            speed = {"seconds": seconds, "images_per_second": task.updates * task.per_update / seconds}
            found = {key: value for each in seen for key, value in each.line.items()}
            metrics.write(event="epoch", update=update, epoch=epoch, **sums.line(), **speed, **found)
            for event in (event for each in seen for event in each.events):
                metrics.write(update=update, epoch=epoch, **event)
            metrics.flush()
            carried = engine.carried()
            if first:
                kept = checkpoint.save_carried(plan.prefix, epoch + 1, carried)
                state = {"update": update, "images": task.images, "rollbacks": plan.rollbacks, **plan.facts, **kept}
                offsets = engine.parameters(task.offsets)[0]
                checkpoint.save(plan.prefix, epoch + 1, engine, state, task.saved_graph, offsets, task.copies)


def _together(task, engine, outputs, batches, stop: bool) -> tuple[dict[str, tuple[float, float]], bool]:
    """{metric: (sum, count)} over the devices of all workers, and whether any worker was asked to stop."""
    total: dict[str, np.ndarray] = {}
    devices = len(outputs) // len(batches)
    for one, part in zip(outputs, (part for batch in batches for part in parts(batch, devices))):
        for name, (value, count) in task.measure(one, part).items():
            total[name] = total.get(name, 0) + np.array([value, count], np.float64)
    *numbers, stops = engine.group.total([*np.concatenate(list(total.values())), stop])
    return {name: tuple(numbers[2 * i : 2 * i + 2]) for i, name in enumerate(total)}, bool(stops)


def _first(problems: Iterable[str]) -> str:
    """The first of them; all are asked for, so that every watcher acts."""
    return next((problem for problem in list(problems) if problem), "")


def _common(engine, problem: str) -> str:
    """Computed offsets differ between workers: all stop or none."""
    stopped = engine.group.total([bool(problem)])[0]
    return problem or ("offsets exploded in another worker" if stopped else "")


def _not_finite(engine) -> str:
    """A loss can stay finite for a while when a parameter is not; a checkpoint must not hold one."""
    for part in engine.parameters():
        for name, value in part.items():
            if not np.isfinite(value).all():
                return f"parameter {name} is not finite"
    return ""
