# SPDX-License-Identifier: Apache-2.0
"""The training loop inside one process: held offsets, pretrained parameters, several devices, stops."""

from __future__ import annotations

import logging
from pathlib import Path

import mxnet as mx
import numpy as np
import pytest
from mxnet import autograd, gluon

from deeplab import predictor, symbols
from deeplab.data import load_dataset
from lib.config import load
from lib.data.streets.write import Settings, generate
from lib.engines.mxnet.network import Network
from lib.run import checkpoint, folder, params
from lib.run.log import read_metrics

CONFIGS = Path(__file__).parents[2] / "experiments" / "deeplab" / "cfgs"
LOG = logging.getLogger("test")
SMALL = ["SCALES=[64,96]", "net.depth=18", "net.width=4", "net.head_channels=8", "TRAIN.BATCH_IMAGES=2",
         "TRAIN.end_epoch=1", "TRAIN.FLIP=false"]  # fmt: skip


@pytest.fixture(scope="module")
def streets(tmp_path_factory):
    place = tmp_path_factory.mktemp("data") / "streets"
    generate(place, Settings(train=4, val=1, height=64, width=96, seed=3))
    return place


def small(streets, out, *overrides, name="quick_acn"):
    places = [f"dataset.dataset_path={streets}", f"output_path={out}"]
    return load(CONFIGS / f"{name}.yaml", [*SMALL, *places, *overrides])


def run(cfg, begin=0):
    folder.prefix(cfg).parent.mkdir(parents=True, exist_ok=True)
    trainer.train(cfg, load_dataset(cfg, cfg.dataset.image_set), begin, {"config": {}}, LOG)
    lines = read_metrics(folder.prefix(cfg).parent / "metrics.jsonl")
    return [line["loss"] for line in lines if line["event"] == "update"]


def test_held_offsets_get_no_update_and_no_momentum():
    cfg = load(CONFIGS / "quick_acn.yaml", [*SMALL, "net.normalize_grad=true", "net.offset_lr_rate=1"])
    network = Network(cfg, symbols.get_symbol(cfg), (2, 3, 32, 48))
    optimiser = gluon.Trainer(network.params, "sgd", {"learning_rate": 0.1, "momentum": 0.9}, update_on_kvstore=False)
    random = np.random.default_rng(0)
    data, label = mx.nd.array(50 * random.normal(size=(2, 3, 32, 48))), mx.nd.array(random.integers(0, 19, (2, 32, 48)))

    def moved(hold):
        trainer.hold_offsets(network, hold)
        before = network.offsets()
        with autograd.record():
            output = network.block(data, label)
        output.backward()
        optimiser.step(1)
        return {name: now - before[name] for name, now in network.offsets().items()}

    for _ in range(2):
        assert all(not each.any() for each in moved(hold=True).values())
    first = moved(hold=False)
    assert len(first) == 2
    for each in first.values():  # a step of learning rate x unit gradient: no momentum was saved up
        np.testing.assert_allclose(np.hypot(each[..., 0], each[..., 1]), 0.1, atol=1e-4)
    assert all(not each.any() for each in moved(hold=True).values())


def test_offset_lengths_are_displacements_in_pixels():
    class One:
        def offsets(self):
            offset = np.zeros((1, 1, 3, 3, 2))
            offset[0, 0, 1, 2] = 3, -4
            return {"a_offset": offset}

    assert trainer.offset_lengths(One()) == {"a_offset": {"mean": pytest.approx(5 / 9), "max": 5.0}}


def test_pretrained_backbone_is_taken_and_the_rest_of_the_file_named(streets, tmp_path, caplog):
    donor = small(streets, tmp_path, "run.seed=5", name="quick_plain")
    arg, aux = Network(donor, symbols.get_symbol(donor), (1, 3, 64, 96)).to_numpy()
    params.save(tmp_path / "donor-0007.params", {**arg, "fc1000_weight": np.zeros((2, 2), np.float32)}, aux)
    cfg = small(streets, tmp_path, f"network.pretrained={tmp_path}/donor", "network.pretrained_epoch=7",
                "TRAIN.lr=0", "TRAIN.warmup_lr=0", "network.FIXED_PARAMS=[gamma]")  # fmt: skip
    with caplog.at_level("INFO", "test"):
        run(cfg)
    assert "donor-0007.params; not used: " in caplog.text and "fc1000_weight" in caplog.text
    trained, _ = params.load(checkpoint.find(folder.prefix(cfg), 1))
    for name in ("conv1_weight", "res5b_branch2b_weight"):
        np.testing.assert_array_equal(trained[name], arg[name])
    assert not np.array_equal(trained["fc6_weight"], arg["fc6_weight"])  # the head is this run's own


def test_missing_pretrained_file_is_named(streets, tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere-0000.params does not exist"):
        run(small(streets, tmp_path, f"network.pretrained={tmp_path}/nowhere"))


def test_two_devices_take_half_a_batch_each_and_stay_equal(streets, tmp_path, monkeypatch):
    kept = {}
    monkeypatch.setattr(trainer, "_check_finite", lambda network, *rest: kept.update(network.params))
    losses = run(small(streets, tmp_path, "TRAIN.BATCH_IMAGES=1", "run.cpus=2"))
    assert len(losses) == 2 and np.isfinite(losses).all()
    for name, parameter in kept.items():
        first, second = (copy.asnumpy() for copy in parameter.list_data())
        np.testing.assert_array_equal(first, second, err_msg=name)


def test_another_number_of_images_is_refused_on_resume(streets, tmp_path):
    cfg = small(streets, tmp_path)
    run(cfg)
    cfg.TRAIN.FLIP, cfg.TRAIN.end_epoch = True, 2
    with pytest.raises(ValueError, match="has 8 images per epoch; the run in .* was begun with 4"):
        run(cfg, begin=1)


def test_changed_settings_count_after_going_back_and_later_epochs_go(streets, tmp_path, monkeypatch):
    cfg = small(streets, tmp_path, "TRAIN.end_epoch=2")
    run(cfg)
    cfg.TRAIN.wd, cfg.TRAIN.momentum = 0.125, 0.5
    seen = []
    step = gluon.Trainer.step

    def watched(self, size):
        settings = {(each.optimizer.wd, each.optimizer.momentum) for each in self._updaters}
        seen.append((settings, checkpoint.complete_epochs(folder.prefix(cfg))))
        step(self, size)

    monkeypatch.setattr(gluon.Trainer, "step", watched)
    run(cfg, begin=1)
    assert seen == [({(0.125, 0.5)}, [1])] * 2
    assert checkpoint.complete_epochs(folder.prefix(cfg)) == [1, 2]


def test_momentum_cannot_begin_on_the_way(streets, tmp_path):
    cfg = small(streets, tmp_path, "TRAIN.momentum=0")
    run(cfg)
    cfg.TRAIN.momentum, cfg.TRAIN.end_epoch = 0.9, 2
    with pytest.raises(ValueError, match=r"TRAIN.momentum: 0 when .* was trained, cannot become 0\.9"):
        run(cfg, begin=1)


def test_finite_loss_over_a_parameter_that_is_not_stops_too(streets, tmp_path, monkeypatch):
    to_numpy = Network.to_numpy
    monkeypatch.setattr(Network, "to_numpy", lambda self: ({"some_weight": np.array([np.inf])}, to_numpy(self)[1]))
    with pytest.raises(trainer.Diverged, match=r"parameter some_weight is not finite at update 2 \(epoch 0\)"):
        run(small(streets, tmp_path))
    assert not list(tmp_path.rglob("*.params"))


@pytest.mark.parametrize(("groups", "filters"), [(1, 18), (1, 27), (2, 54)])
def test_setting_offsets_to_zero_leaves_the_masks(groups, filters):
    arg = {"a_branch2b_offset_weight": np.ones((filters, 4, 3, 3)), "a_branch2b_offset_bias": np.ones(filters),
           "a_branch2b_weight": np.ones((4, 4, 3, 3)), "b_branch2b_offset": np.ones((1, groups, 3, 3, 2))}  # fmt: skip
    before = {name: value.copy() for name, value in arg.items()}
    changed = predictor.set_offsets_zero(arg, groups)
    assert changed == ["a_branch2b_offset_weight", "a_branch2b_offset_bias", "b_branch2b_offset"]
    assert not arg["b_branch2b_offset"].any() and not arg["a_branch2b_offset_weight"][: 18 * groups].any()
    assert arg["a_branch2b_offset_bias"][18 * groups :].all() and not arg["a_branch2b_offset_bias"][: 18 * groups].any()
    np.testing.assert_array_equal(arg["a_branch2b_weight"], before["a_branch2b_weight"])
    assert predictor.has_offsets(arg) and not predictor.has_offsets(["a_branch2b_weight"])
