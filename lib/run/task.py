# SPDX-License-Identifier: Apache-2.0
"""What a system hands to the loop and to an engine: its network, its batches, and what it measures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

import numpy as np

from lib.run.carry import Carry
from lib.run.rules import Rule

Batch = Mapping[str, np.ndarray]
"""Inputs of the network by name, the images of one update (of one worker) in axis 0."""


@dataclass(frozen=True)
class Network:
    """A network as a graph, and how its parameters begin and learn.

    graph: the text of its -symbol.json, or of a torch module (`lib.run.module_text`). inputs: shape of each input, of
    the images of one device.
    rules: of every parameter and state. rules_of: of a module, whose names only the engine knows: (names) -> their
    rules, which then are the `rules` of the engine's network. seed: of the initial values.
    outputs: names of the internal outputs that are computed, such as 'softmax_output'; () means the graph's own.
    """

    graph: str
    inputs: Mapping[str, tuple[int, ...]]
    rules: Mapping[str, Rule]
    seed: int = 0
    outputs: tuple[str, ...] = ()
    rules_of: Callable[[Iterable[str]], Mapping[str, Rule]] | None = None

    @property
    def carries(self) -> dict[str, Carry]:
        """By name, of the parameters whose gradients are carried from one update into the next."""
        return {name: rule.carry for name, rule in self.rules.items() if rule.carry}


@dataclass(frozen=True)
class Place:
    """Where one process of a training stands: worker `rank` of `workers`, with `devices` devices."""

    rank: int = 0
    workers: int = 1
    devices: int = 1

    @property
    def replicas(self) -> int:
        """Devices of all workers together; their images make one update."""
        return self.workers * self.devices


@dataclass(frozen=True)
class HeldOut:
    """What is measured after every epoch and not trained on. batches: () -> them. outputs, measure: as a task's; the
    first metric is the loss."""

    batches: Callable[[], Iterable[Batch]]
    outputs: tuple[str, ...]
    measure: Callable[[Mapping[str, np.ndarray], Batch], dict[str, tuple[float, float]]]


@dataclass(frozen=True)
class Task:
    """One training.

    network: with `outputs`, those that `measure` reads.
    images: per epoch. batch: of these per batch, all workers together. iter_size: batches per update.
    updates: per epoch.
    batches: (epoch) -> its batches, this worker's part of each.
    measure: (outputs by name, batch) -> {metric: (sum, count)} of one device's part. losses: names of the metrics whose
    sum is the loss; (): the first one is.
    saved_graph: the text that its checkpoints hold, if not the network's own. offsets: names of the offsets that are
    parameters; a checkpoint holds them in a small file, too.
    begin: (engine, log) -> gives a new run's network its pretrained parameters, if there are any.
    copies: (parameters) -> what a checkpoint holds beside them for other programs; not read again.
    offset_bound: in pixels; offsets that are parameters are cut back to it after every update; 0 = none.
    source: a file that says how the network is built, copied into the run's folder; None: none.
    held_out: what is measured after every epoch, None for nothing.
    advice: what to try when it diverges, of this system's own settings.
    Raises ValueError where an epoch has no whole update of several batches.
    """

    network: Network
    images: int
    batch: int
    batches: Callable[[int], Iterable[Batch]]
    measure: Callable[[Mapping[str, np.ndarray], Batch], dict[str, tuple[float, float]]]
    saved_graph: str
    losses: tuple[str, ...] = ()
    offsets: tuple[str, ...] = ()
    begin: Callable[[object, object], None] = lambda engine, log: None
    copies: Callable[[Mapping[str, np.ndarray]], dict[str, np.ndarray]] = lambda parameters: {}
    offset_bound: float = 0.0
    iter_size: int = 1
    source: str | None = None
    held_out: HeldOut | None = None
    advice: str = ""

    def __post_init__(self):
        if self.iter_size > 1 and self.updates < 1:
            raise ValueError(
                f"run.iter_size: the {self.images} pictures of an epoch make no update of {self.iter_size} batches of "
                f"{self.batch}"
            )

    @property
    def updates(self) -> int:
        return self.images // self.per_update

    @property
    def per_update(self) -> int:
        """Images."""
        return self.batch * self.iter_size

    def groups(self, epoch: int) -> Iterator[list[Batch]]:
        """The batches of each update of an epoch; those at the end that make no whole update are dropped."""
        batches = iter(self.batches(epoch))
        while len(group := list(islice(batches, self.iter_size))) == self.iter_size:
            yield group


def parts(batch: Batch, count: int) -> list[Batch]:
    """The batch in `count` equal parts along axis 0, one for each device."""
    if count == 1:
        return [batch]
    split = {name: np.split(value, count) for name, value in batch.items()}
    return [{name: each[number] for name, each in split.items()} for number in range(count)]
