# SPDX-License-Identifier: Apache-2.0
"""Several devices in one process, the parts of a batch, and what a group of workers refuses."""

from __future__ import annotations

import logging
from pathlib import Path

import mxnet as mx
import numpy as np
import pytest
from mxnet import autograd, gluon

from deeplab import symbols
from deeplab.batches import Batches
from deeplab.data import load_dataset
from lib.config import ConfigError, load
from lib.data.streets.write import Settings, generate
from lib.engines.mxnet.devices import contexts
from lib.engines.mxnet.group import NEEDED, RANK, Group, GroupError, size_of
from lib.engines.mxnet.network import Network
from lib.run import folder
from lib.run.atomic import write_json
from lib.run.provenance import provenance

QUICK = Path(__file__).parents[2] / "experiments/deeplab/cfgs/quick_acn.yaml"
SMALL = ["SCALES=[32,48]", "net.depth=10", "net.width=4", "net.head_channels=8", "TRAIN.BATCH_IMAGES=2",
         "TRAIN.end_epoch=1", "TRAIN.lr=0.01", "TRAIN.warmup=false", "network.FIXED_PARAMS=[]"]  # fmt: skip


def small(*overrides):
    return load(QUICK, [*SMALL, *overrides])


@pytest.fixture(scope="module")
def streets(tmp_path_factory):
    place = tmp_path_factory.mktemp("group") / "streets"
    generate(place, Settings(train=6, val=1, height=64, width=96, seed=3))
    return place


@pytest.mark.parametrize("store", ["local", "device"])
def test_two_contexts_equal_one_that_sees_the_images_one_by_one(store):
    """One update, frozen statistics. The same numbers in the same order: bit for bit."""
    cfg = small("net.train_bn=false", "run.cpus=2", "TRAIN.BATCH_IMAGES=1")
    devices = contexts(cfg)
    assert devices == [mx.cpu(0), mx.cpu(1)]
    random = np.random.default_rng(0)
    data, label = mx.nd.array(random.normal(size=(2, 3, 32, 48))), mx.nd.array(random.integers(0, 19, (2, 32, 48)))
    label[0, :8] = 255  # each image is a mean over its own number of pixels

    def updated(ctx, step):
        network = Network(cfg, symbols.get_symbol(cfg), (1, 3, 32, 48), ctx)
        before = network.to_numpy()[0]
        sgd = {"learning_rate": 0.01, "momentum": 0.9, "wd": 5e-4}
        step(network, gluon.Trainer(network.params, "sgd", sgd, kvstore=store, update_on_kvstore=False))
        after = network.to_numpy()[0]
        assert sum(not np.array_equal(before[name], after[name]) for name in before) > 20
        return network, after

    def side_by_side(network, optimiser):
        pairs = zip(*(gluon.utils.split_and_load(each, devices) for each in (data, label)))
        with autograd.record():
            outputs = [network.block(*pair) for pair in pairs]
        autograd.backward(outputs)
        optimiser.step(1)

    def one_by_one(network, optimiser):
        for parameter in network.params.values():
            parameter.grad_req = "null" if parameter.grad_req == "null" else "add"
            if parameter.grad_req == "add":
                parameter.zero_grad()
        for image in range(2):
            with autograd.record():
                output = network.block(data[image : image + 1], label[image : image + 1])
            output.backward()
        optimiser.step(1)

    network, both = updated(devices, side_by_side)
    _, single = updated(mx.cpu(0), one_by_one)
    for name, value in single.items():
        np.testing.assert_array_equal(both[name], value, err_msg=name)
        for copy in network.params[name].list_data():
            np.testing.assert_array_equal(copy.asnumpy(), value, err_msg=name)


def test_statistics_of_two_devices_are_their_mean_after_each_epoch(streets, tmp_path, monkeypatch):
    """Each normalises with its own images; the checkpoint and every device hold the mean of what they have seen."""
    # 6 images and their mirror images, 6 for each device: one update, so that each device's statistics are known.
    cfg = small(f"dataset.dataset_path={streets}", f"output_path={tmp_path}", "run.cpus=2", "TRAIN.BATCH_IMAGES=6")
    apart, together = [], []
    share = Network.share_statistics

    def seen(network):
        return {name: np.stack([copy.asnumpy() for copy in network.params[name].list_data()])
                for name in network.to_numpy()[1]}  # fmt: skip

    def watched(self, group):
        apart.append(seen(self))
        share(self, group)
        together.append((seen(self), self.to_numpy()[1]))

    monkeypatch.setattr(Network, "share_statistics", watched)
    folder.prefix(cfg).parent.mkdir(parents=True)
    dataset = load_dataset(cfg, cfg.dataset.image_set)
    trainer.train(cfg, dataset, 0, {"config": {}}, logging.getLogger("test"))
    ((copies, saved),) = together
    ((data, label),) = Batches(dataset, cfg, seed=cfg.run.seed, batch=12).epoch(0)
    for device, part in ((0, slice(0, 6)), (1, slice(6, 12))):
        alone = Network(cfg, symbols.get_symbol(cfg), (6, 3, 32, 48))
        with autograd.record():
            output = alone.block(mx.nd.array(data[part]), mx.nd.array(label[part]))
        output.backward()
        for name, value in alone.to_numpy()[1].items():  # the KVStore has not touched them
            np.testing.assert_array_equal(apart[0][name][device], value, err_msg=name)
    for name, each in copies.items():
        mean = apart[0][name].mean(axis=0, dtype=np.float64).astype(np.float32)
        for copy in (*each, saved[name]):
            np.testing.assert_array_equal(copy, mean, err_msg=name)


def test_parts_of_a_batch_make_the_batch(streets):
    cfg = small(f"dataset.dataset_path={streets}")
    dataset = load_dataset(cfg, cfg.dataset.image_set)
    whole = list(Batches(dataset, cfg, seed=1, batch=4).epoch(2))
    parts = [list(Batches(dataset, cfg, seed=1, batch=4, part=(number, 2)).epoch(2)) for number in (0, 1)]
    assert len(whole) == len(parts[0]) == len(parts[1]) == 3
    for all_of_it, first, second in zip(whole, *parts):
        for both, *halves in zip(all_of_it, first, second):
            assert len(halves[0]) == len(halves[1]) == 2
            np.testing.assert_array_equal(both, np.concatenate(halves))
    with pytest.raises(ValueError, match="a batch of 4 has no part 0 of 3 equal ones"):
        Batches(dataset, cfg, batch=4, part=(0, 3))


def test_cpu_contexts_and_gpus_exclude_each_other():
    with pytest.raises(ConfigError, match="run.cpus: 2 CPU contexts and gpus '0' exclude each other"):
        small("run.cpus=2", "gpus='0'")


def test_a_process_alone_is_a_group_of_one():
    group = Group("device")
    assert (group.rank, group.size, group.first, group.kvstore) == (0, 1, True, "device")
    assert group.total([1, 2.5]).tolist() == [1, 2.5] and group.gather(7) == [7]
    group.agree("anything", 3)


def test_distributed_store_needs_the_launcher(monkeypatch):
    for name in NEEDED:
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(GroupError, match="'dist_sync' is for the workers that .*lib.launch.*not set.*DMLC_ROLE"):
        Group("dist_sync")
    for name in NEEDED:
        monkeypatch.setenv(name, "3")
    with pytest.raises(GroupError, match="not set here: DMLC_ROLE=worker"):
        Group("dist_sync")
    monkeypatch.setenv("DMLC_ROLE", "worker")
    assert size_of("dist_sync") == 3 and size_of("local") == 1


class Store:
    """A KVStore of several workers as seen by one: `others` is what the others add."""

    rank, num_workers = 1, 2

    def __init__(self, others):
        self._others = list(others)

    def init(self, key, value):
        pass

    def pushpull(self, key, array):
        array += mx.nd.array(self._others.pop(0))


def test_workers_that_do_not_fit_are_refused(monkeypatch):
    for name in NEEDED:
        monkeypatch.setenv(name, "worker" if name == "DMLC_ROLE" else "2")
    registered = []
    monkeypatch.setattr("atexit.register", registered.append)

    def group(*others):
        monkeypatch.setattr(mx.kv, "create", lambda kind: Store(others))
        return Group("dist_sync")

    monkeypatch.delenv(RANK, raising=False)
    one = group([1, 0], [3, 0, 0, 0, 0, 0], [0] * 6, [5, 0, 0, 0, 0, 0])  # a number goes in three parts
    assert (one.rank, one.size, one.first) == (1, 2, False) and one.gather(4) == [3, 4]
    assert one.gather(1 / 3) == [0, 1 / 3]
    with pytest.raises(GroupError, match="the workers differ in images per epoch: worker 0: 5, worker 1: 6"):
        one.agree("images per epoch", 6)
    assert not registered
    monkeypatch.setenv(RANK, "0")
    with pytest.raises(GroupError, match="DEEPLAB_RANK: several of the 2 workers have one rank; this one has 0"):
        group([1, 0])
    monkeypatch.setenv(RANK, "2")
    with pytest.raises(GroupError, match="DEEPLAB_RANK: expected one of 0, 1, got '2'"):
        group()
    assert [each.__name__ for each in registered] == ["_leave"] * 2  # such a process must not wait for the others


def test_another_number_of_devices_is_a_difference(tmp_path):
    cfg = small(f"output_path={tmp_path}", "run.cpus=2")
    folder.prefix(cfg).parent.mkdir(parents=True)
    write_json(f"{folder.prefix(cfg)}-0001.json", {"epoch": 1, "workers": 2, **provenance(cfg, 1)})
    assert folder.starting_epoch(cfg, resume=False, devices=4) == 1
    cfg.run.cpus, cfg.default.kvstore = 4, "dist_sync"  # elsewhere, but as many
    assert folder.starting_epoch(cfg, resume=False, devices=4) == 1
    with pytest.raises(folder.FolderError, match="devices of all workers: 4 -> 2"):
        folder.starting_epoch(cfg, resume=False, devices=2)
    assert folder.starting_epoch(cfg, resume=True, devices=2) == 1
