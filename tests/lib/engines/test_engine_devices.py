# SPDX-License-Identifier: Apache-2.0
"""Several devices in one process: each takes its part of the batch, and all stay one network."""

from __future__ import annotations

import mxnet as mx
import numpy as np
import pytest
from trainings import config, engine_of, losses, noise, run

from deeplab.batches import Batches
from deeplab.data import load_dataset
from lib.config import ConfigError
from lib.data.streets.write import Settings, generate
from lib.engines import open_engine
from lib.engines.mxnet import devices
from lib.run import checkpoint, folder, params
from lib.run.task import parts

SMALL = ["SCALES=[32,48]", "TRAIN.end_epoch=1", "TRAIN.lr=0.01", "TRAIN.warmup=false"]


@pytest.fixture(scope="module")
def streets(tmp_path_factory):
    place = tmp_path_factory.mktemp("devices") / "streets"
    generate(place, Settings(train=6, val=1, height=64, width=96, seed=3))
    return place


def same(first, second, message=""):
    assert first.keys() == second.keys()
    for name, value in first.items():
        np.testing.assert_array_equal(value, second[name], err_msg=f"{message}{name}")


@pytest.mark.parametrize("store", ["local", "device"])
def test_two_devices_add_the_gradients_of_images_that_are_seen_one_by_one(store):
    """Bit for bit: without decay the first momentum is -rate * gradient, and a rate of 1/4 rounds nothing."""
    settings = [*SMALL, "net.train_bn=false", "TRAIN.BATCH_IMAGES=1", "TRAIN.wd=0"]
    both = engine_of(config("quick_acn", *settings, "run.cpus=2", f"default.kvstore={store}"))
    assert both.devices == ("cpu(0)", "cpu(1)") and both.place.replicas == 2
    batch = noise(both)
    batch["label"][0, :8] = 255  # each image is a mean over its own number of pixels
    start, _ = both.parameters()
    outputs = both.update(batch, 0.25)
    assert [each["probability_output"].shape for each in outputs] == [(1, 32, 48)] * 2
    pushes = []
    for part, seen in zip(parts(batch, 2), outputs):
        alone = engine_of(config("quick_acn", *settings))
        same(start, alone.parameters()[0])
        (one,) = alone.update(part, 0.25)
        np.testing.assert_array_equal(one["probability_output"], seen["probability_output"])
        pushes.append(alone.momentum())
    added = {name: pushes[0][name] + pushes[1][name] for name in pushes[0]}
    same(added, both.momentum())
    same({name: start[name] + push for name, push in added.items()}, both.parameters(added)[0])
    assert sum(push.any() for push in added.values()) > 20


def test_all_devices_hold_the_same_after_every_update():
    """Bit for bit: what a device computes with the parameters of another one is what that one computes."""
    engine = engine_of(config("quick_acn", *SMALL, "net.train_bn=false", "TRAIN.BATCH_IMAGES=1", "run.cpus=2"))
    one = noise(engine, images=1)
    twice = {name: np.concatenate([value, value]) for name, value in one.items()}
    for _ in range(3):
        first, second = engine.update(twice, 0.05)
        np.testing.assert_array_equal(first["probability_output"], second["probability_output"])


class Recording(mx.kv.KVStoreBase):
    """A KVStore that keeps parameters and gradients under the same keys, as a server does. Notes what it is given."""

    type, rank, num_workers = "recording", 0, 1

    def __init__(self):
        self.told = []

    def broadcast(self, key, value, out, priority=0):
        self.told.append("parameter")

    def pushpull(self, key, value, out=None, priority=0):
        self.told.append("gradient")

    @staticmethod
    def is_capable(capability):
        return False


def test_no_gradient_is_sent_before_all_parameters_have_come():
    """A server that had a gradient first would give it out as the parameter; the first forward pass then had zeros."""
    engine = engine_of(config("quick_acn"))
    engine.group.kvstore = store = Recording()
    trainer = engine._optimiser()
    assert store.told == ["parameter"] * len(trainer._params) and len(trainer._params) > 10
    engine._optimiser()
    trainer.allreduce_grads()
    assert store.told.count("parameter") == len(trainer._params) and "gradient" in store.told


def test_statistics_are_each_devices_own_until_they_are_shared():
    settings = [*SMALL, "net.train_bn=true", "TRAIN.BATCH_IMAGES=3"]
    engine = engine_of(config("quick_acn", *settings, "run.cpus=2"))
    batch = noise(engine)
    start, _ = engine.parameters()
    engine.update(batch, 0.0)
    alone = []
    for part in parts(batch, 2):
        one = engine_of(config("quick_acn", *settings))
        one.update(part, 0.0)
        alone.append(one.parameters()[1])
    _, between = engine.parameters()  # what is read is their mean, before and after
    engine.share_statistics()
    _, shared = engine.parameters()
    for name in shared:
        mean = np.mean([alone[0][name], alone[1][name]], axis=0, dtype=np.float64).astype(np.float32)
        np.testing.assert_array_equal(between[name], mean, err_msg=name)
        np.testing.assert_array_equal(shared[name], mean, err_msg=name)
    assert not np.array_equal(alone[0]["bn_conv1_moving_mean"], alone[1]["bn_conv1_moving_mean"])
    same(start, engine.parameters()[0])


def test_a_checkpoint_holds_the_mean_and_the_run_goes_on_from_it(streets, tmp_path):
    """Two epochs in one go, and one after the other: the second begins with the mean in every device, or differs."""
    # 6 images and their mirror images, 6 for each device: one update an epoch.
    settings = [*SMALL, f"dataset.dataset_path={streets}", "run.cpus=2", "TRAIN.BATCH_IMAGES=6", "TRAIN.FLIP=true",
                "TRAIN.end_epoch=2"]  # fmt: skip
    whole = config("quick_acn", *settings, f"output_path={tmp_path}/whole")
    seen = losses(run(whole))
    first = config("quick_acn", *settings, f"output_path={tmp_path}/parts")
    first.TRAIN.end_epoch = 1
    run(first)
    dataset = load_dataset(first, first.dataset.image_set)
    (batch,) = Batches(dataset, first, seed=first.run.seed, batch=12).epoch(0)
    alone = []
    for part in parts(batch, 2):
        one = engine_of(config("quick_acn", *settings[:-1], "run.cpus=1"))
        one.update(part, 0.01)
        alone.append(one.parameters()[1])
    _, saved = params.load(checkpoint.find(folder.prefix(first), 1))
    for name, value in saved.items():
        mean = np.mean([alone[0][name], alone[1][name]], axis=0, dtype=np.float64).astype(np.float32)
        np.testing.assert_array_equal(value, mean, err_msg=name)
    first.TRAIN.end_epoch = 2
    assert losses(run(first, begin=1)) == seen and len(seen) == 2
    for ending in ("params", "momentum.npz"):
        files = [folder.prefix(cfg).with_name(f"deeplab-0002.{ending}").read_bytes() for cfg in (whole, first)]
        assert files[0] == files[1]


def test_two_devices_take_half_a_batch_each(streets, tmp_path):
    """An update sees one image per device, so the epoch has half as many as with one device."""
    settings = [*SMALL, f"dataset.dataset_path={streets}", "TRAIN.BATCH_IMAGES=1"]
    for cpus, updates in ((1, 6), (2, 3)):
        cfg = config("quick_acn", *settings, f"run.cpus={cpus}", f"output_path={tmp_path}/{cpus}")
        found = losses(run(cfg))
        assert len(found) == updates and np.isfinite(found).all()


# --- which devices


def test_cpu_contexts_and_gpus_exclude_each_other():
    with pytest.raises(ConfigError, match="run.cpus: 2 CPU contexts and gpus '0' exclude each other"):
        config("quick_acn", "run.cpus=2", "gpus='0'")


def test_gpus_empty_is_the_cpu_and_a_missing_gpu_is_named():
    assert devices.contexts("", 1) == [mx.cpu()] and devices.contexts("", 2) == [mx.cpu(0), mx.cpu(1)]
    with pytest.raises(ConfigError, match=r"gpus: '\d+' asks for GPU \d+, but MXNet .* sees .*engine=torch"):
        devices.contexts(f"{mx.context.num_gpus()}", 1)
    with pytest.raises(ConfigError, match=r"gpus: '0,99' asks for GPU"):
        devices.contexts("0,99", 1)


@pytest.mark.parametrize("version", ["", "mxnet", mx.__version__])
def test_installed_version_is_taken(version):
    devices.check_version(version)
    assert open_engine(config("quick_acn", f"MXNET_VERSION={version}")).name == "mxnet"


def test_other_version_is_an_error():
    with pytest.raises(ConfigError, match=r"MXNET_VERSION: '0\.9\.5' asked for, MXNet .* is installed"):
        open_engine(config("quick_acn", "MXNET_VERSION=0.9.5"))


@pytest.mark.parametrize(("engine", "other"), [("mxnet", "torch"), ("torch", "mxnet")])
def test_a_framework_that_is_not_installed_is_named_with_what_to_do(monkeypatch, engine, other):
    import importlib.util

    there = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == engine else there(name, *rest))
    with pytest.raises(ConfigError, match=f"engine: {engine} is not installed .*engine={other} would run"):
        open_engine(config("quick_acn", f"engine={engine}"))


def test_prediction_uses_one_device_even_where_training_used_several():
    cfg = config("quick_acn", "run.cpus=2")
    assert open_engine(cfg, training=True).devices == ("cpu(0)", "cpu(1)")
    assert open_engine(cfg).devices == ("cpu(0)",)
