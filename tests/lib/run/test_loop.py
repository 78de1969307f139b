# SPDX-License-Identifier: Apache-2.0
"""The loop alone: an engine, a task and watchers of a few lines each, no framework."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from lib.run import checkpoint
from lib.run.group import Alone
from lib.run.loop import Diverged, Plan, loop
from lib.run.metrics import read_metrics
from lib.run.task import Network, Task
from lib.run.watcher import Seen, Watcher


class Engine:
    """Adds the rate to its one parameter at every update; its loss is the sum of what each device saw."""

    def __init__(self, devices=1):
        self.group, self.count, self.rates, self.seeds, self.shared = Alone(), devices, [], [], 0
        self.value, self.held = np.zeros(1, np.float32), {}

    def update(self, batch, rate):
        self.rates.append(rate)
        self.value = self.value + np.float32(rate)
        return [{"seen": part} for part in np.split(batch["data"], self.count)]

    def parameters(self, names=None):
        return ({} if names == () else {"w": self.value}), {}

    def momentum(self):
        return {"w": self.value}

    def carried(self):
        return self.held

    def seed(self, number):
        self.seeds.append(number)

    def share_statistics(self):
        self.shared += 1


def measure(outputs, part):
    assert outputs["seen"].tobytes() == part["data"].tobytes()  # each device is measured with its own part
    return {"Loss": (float(part["data"].sum()), part["data"].size), "Most": (float(part["data"].max()), 1)}


def task(values=((1, 2), (3, 4)), **more):
    """An update for each row of `values`, the same in every epoch."""
    batches = [{"data": np.array(row, np.float32)} for row in values]
    network = Network("", {}, {})
    return Task(network, images=len(values) * 2, batch=2, batches=lambda epoch: iter(batches), measure=measure,
                saved_graph="graph", **more)  # fmt: skip


def plan(tmp_path, begin=0, end=2, **more):
    return Plan(tmp_path / "net", begin, end, rate=lambda update: update / 8, frequent=1, seed=7, facts={"by": "test"},
                log=logging.getLogger("test"), **more)  # fmt: skip


def test_rates_seeds_checkpoints_and_metrics_of_two_epochs(tmp_path):
    engine = Engine(devices=2)
    loop(task(), engine, plan(tmp_path))
    assert engine.rates == [1 / 8, 2 / 8, 3 / 8, 4 / 8] and engine.seeds == [7, 8] and engine.shared == 2
    assert checkpoint.complete_epochs(tmp_path / "net") == [1, 2]
    assert checkpoint.read_state(tmp_path / "net", 2) == {
        "epoch": 2, "update": 4, "images": 4, "rollbacks": 0, "by": "test",
        "params_sha256": checkpoint.digest(tmp_path / "net-0002.params"),
    }  # fmt: skip
    lines = read_metrics(tmp_path / "metrics.jsonl")
    updates = [(line["update"], line["epoch"], line["lr"], line["loss"], line["Most"])
               for line in lines if line["event"] == "update"]  # fmt: skip
    # Of two devices: the largest of each, and the mean of these.
    assert updates == [(1, 0, 1 / 8, 1.5, 1.5), (2, 0, 2 / 8, 3.5, 3.5), (3, 1, 3 / 8, 1.5, 1.5), (4, 1, 0.5, 3.5, 3.5)]
    epochs = [line for line in lines if line["event"] == "epoch"]
    assert [(line["loss"], line["Most"]) for line in epochs] == [(2.5, 2.5)] * 2
    assert all(line["images_per_second"] == 4 / line["seconds"] for line in epochs)


def test_a_run_goes_on_with_the_number_of_its_next_update(tmp_path):
    engine = Engine()
    loop(task(), engine, plan(tmp_path, begin=1, end=3))
    assert engine.rates == [3 / 8, 4 / 8, 5 / 8, 6 / 8] and engine.seeds == [8, 9]
    assert checkpoint.complete_epochs(tmp_path / "net") == [2, 3]


class Told(Watcher):
    """Writes down what it is asked; complains after some update or epoch."""

    def __init__(self, name, heard, update=0, epoch=-1):
        self.name, self.heard, self.at_update, self.at_epoch, self.count = name, heard, update, epoch, 0

    def before_epoch(self, epoch):
        self.heard.append((self.name, "before", epoch))

    def after_update(self):
        self.count += 1
        self.heard.append((self.name, "update", self.count))
        return f"{self.name} saw it" if self.count == self.at_update else ""

    def after_epoch(self, epoch):
        self.heard.append((self.name, "after", epoch))
        problem = f"{self.name} saw it" if epoch == self.at_epoch else ""
        return Seen(problem, {self.name: epoch}, [{"event": "looked", "by": self.name}])

    def tell(self):
        return f"{self.name} tells"


def test_watchers_are_asked_in_their_order_and_what_they_see_is_kept(tmp_path):
    heard = []
    loop(task(), Engine(), plan(tmp_path, end=1), [Told("a", heard), Told("b", heard)])
    assert heard == [("a", "before", 0), ("b", "before", 0), ("a", "update", 1), ("b", "update", 1), ("a", "update", 2),
                     ("b", "update", 2), ("a", "after", 0), ("b", "after", 0)]  # fmt: skip
    lines = read_metrics(tmp_path / "metrics.jsonl")
    (epoch,) = (line for line in lines if line["event"] == "epoch")
    assert (epoch["a"], epoch["b"]) == (0, 0)
    assert [(line["by"], line["update"], line["epoch"]) for line in lines if line["event"] == "looked"] == [
        ("a", 2, 0), ("b", 2, 0)
    ]  # fmt: skip


@pytest.mark.parametrize(("stops", "where", "complete"), [
    ({"update": 3}, r"at update 3 \(epoch 1\), learning rate 0\.375", [1]),
    ({"epoch": 1}, r"at update 4 \(epoch 1\), learning rate 0\.5", [1]),
])  # fmt: skip
def test_a_watcher_ends_the_run_before_the_next_checkpoint(tmp_path, stops, where, complete):
    """The first problem is told, but every watcher has acted, and all tell what they know."""
    heard = []
    first, second = Told("a", heard, **stops), Told("b", heard)
    with pytest.raises(
        Diverged, match=rf"training diverged: a saw it {where}, a tells, b tells\.\nTry less\. The last"
    ):
        loop(task(advice="Try less."), Engine(), plan(tmp_path), [first, second])
    assert heard[-1][0] == "b" and checkpoint.complete_epochs(tmp_path / "net") == complete


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_loss_that_is_no_number_ends_the_run_at_once(tmp_path, bad):
    engine = Engine()
    with pytest.raises(Diverged, match=rf"the loss is {bad} at update 2 \(epoch 0\)"):
        loop(task(((1, 2), (bad, 4), (5, 6))), engine, plan(tmp_path))
    assert len(engine.rates) == 2 and checkpoint.complete_epochs(tmp_path / "net") == []


def test_finite_loss_over_a_parameter_that_is_not_stops_too(tmp_path):
    engine = Engine()
    engine.value = np.array([np.inf], np.float32)
    with pytest.raises(Diverged, match=r"parameter w is not finite at update 2 \(epoch 0\)"):
        loop(task(), engine, plan(tmp_path))
    assert not list(tmp_path.rglob("*.params"))


def test_an_update_of_several_batches_drops_those_that_make_no_whole_one():
    made = task(((1, 2), (3, 4), (5, 6)), iter_size=2)
    assert made.updates == 1 and made.per_update == 4
    (group,) = made.groups(0)
    assert [batch["data"].tolist() for batch in group] == [[1, 2], [3, 4]]


def test_an_epoch_without_a_whole_update_is_refused():
    with pytest.raises(ValueError, match="run.iter_size: the 4 pictures of an epoch make no update of 3 batches of 2"):
        task(iter_size=3)


def test_who_is_asked_to_stop_ends_after_the_update_it_is_at(tmp_path):
    engine = Engine()
    with pytest.raises(KeyboardInterrupt):
        loop(task(), engine, plan(tmp_path, stop=lambda: len(engine.rates) == 3))
    assert len(engine.rates) == 3 and checkpoint.complete_epochs(tmp_path / "net") == [1]


class OneOfTwo(Alone):
    """Worker `rank` of two; the other one gives `others`, one list for each sum that is asked for."""

    size = 2

    def __init__(self, rank, others):
        self.rank, self.others = rank, list(others)

    def by_rank(self, values):
        other = np.asarray(self.others.pop(0) if self.others else np.zeros_like(values), np.float64)
        return np.stack([values, other][:: 1 if self.rank == 0 else -1])


def test_the_loss_is_that_of_all_workers_and_any_of_them_ends_all(tmp_path):
    engine = Engine()
    engine.group = OneOfTwo(0, [[5, 2, 9, 1, 0], [0, 0, 0, 0, 1]])  # sums and counts of its measures; asked to stop
    with pytest.raises(KeyboardInterrupt):
        loop(task(), engine, plan(tmp_path))
    lines = read_metrics(tmp_path / "metrics.jsonl")
    assert [(line["loss"], line["Most"]) for line in lines] == [((3 + 5) / 4, (2 + 9) / 2), (3.5, 4.0)]


def test_explosion_in_another_worker_ends_this_one(tmp_path):
    engine = Engine()
    engine.group = OneOfTwo(1, [[0] * 5, [0] * 5, [1]])
    with pytest.raises(Diverged, match="offsets exploded in another worker at update 2"):
        loop(task(), engine, plan(tmp_path))


def test_a_worker_that_is_not_the_first_writes_nothing(tmp_path):
    engine = Engine()
    engine.group = OneOfTwo(1, [])
    loop(task(), engine, plan(tmp_path, end=1))
    assert len(engine.rates) == 2 and list(tmp_path.iterdir()) == []
