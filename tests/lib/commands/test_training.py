# SPDX-License-Identifier: Apache-2.0
"""One training inside this process: where it begins, what it goes on from, when it stops."""

from __future__ import annotations

import numpy as np
import pytest
from trainings import ENGINES, LOG, config, engine_of, losses, run

from deeplab.task import training
from lib.commands.training import train
from lib.data.streets.write import Settings, generate
from lib.engines import open_engine
from lib.run import checkpoint, folder, params
from lib.run.loop import Diverged
from lib.run.schedule import schedule


@pytest.fixture(scope="module")
def streets(tmp_path_factory):
    place = tmp_path_factory.mktemp("data") / "streets"
    generate(place, Settings(train=4, val=1, height=64, width=96, seed=3))
    return place


@pytest.fixture(params=ENGINES)
def small(request, streets, tmp_path):
    """small(*settings, name=...): one epoch of two updates."""

    def make(*overrides, name="quick_acn"):
        places = [f"dataset.dataset_path={streets}", f"output_path={tmp_path}", f"engine={request.param}"]
        return config(name, "net.depth=18", "TRAIN.end_epoch=1", *places, *overrides)

    return make


def test_pretrained_backbone_is_taken_and_the_rest_of_the_file_named(small, tmp_path, caplog):
    arg, aux = engine_of(small("run.seed=5", name="quick_plain")).parameters()
    params.save(tmp_path / "donor-0007.params", {**arg, "fc1000_weight": np.zeros((2, 2), np.float32)}, aux)
    cfg = small(f"network.pretrained={tmp_path}/donor", "network.pretrained_epoch=7",
                "TRAIN.lr=0", "TRAIN.warmup_lr=0", "network.FIXED_PARAMS=[gamma]")  # fmt: skip
    with caplog.at_level("INFO", "test"):
        run(cfg)
    assert "donor-0007.params; not used: " in caplog.text and "fc1000_weight" in caplog.text
    trained, _ = params.load(checkpoint.find(folder.prefix(cfg), 1))
    for name in ("conv1_weight", "res5b_branch2b_weight"):
        np.testing.assert_array_equal(trained[name], arg[name])
    assert not np.array_equal(trained["fc6_weight"], arg["fc6_weight"])  # the head is this run's own


def test_missing_pretrained_file_is_named(small, tmp_path):
    with pytest.raises(ValueError, match="nowhere-0000.params does not exist.*lib.weights.convert.*pretrained=''"):
        run(small(f"network.pretrained={tmp_path}/nowhere"))


def test_the_networks_source_lies_with_its_checkpoints(small):
    cfg = small()
    run(cfg)
    source = folder.prefix(cfg).parent / "resnet_v1_101_deeplab_acn.py"
    assert "res5_branch2b = active" in source.read_text()


def test_another_number_of_images_is_refused_on_resume(small):
    cfg = small()
    run(cfg)
    cfg.TRAIN.FLIP, cfg.TRAIN.end_epoch = True, 2
    with pytest.raises(ValueError, match="has 8 images per epoch; the run in .* was begun with 4"):
        run(cfg, begin=1)


def test_changed_settings_count_after_going_back_and_later_epochs_go(small):
    """The second epoch again with other decay and momentum: what those give by hand, from the first checkpoint on."""
    cfg = small("TRAIN.end_epoch=2")
    run(cfg)
    before, _ = params.load(checkpoint.find(folder.prefix(cfg), 2))
    cfg.TRAIN.wd, cfg.TRAIN.momentum = 0.125, 0.5
    by_hand = engine_of(cfg)
    checkpoint.restore(folder.prefix(cfg), 1, by_hand, cfg.TRAIN.momentum)
    task, seen = training(cfg, by_hand.place), []
    rate = schedule(cfg, task.images, task.batch)
    for update, batch in enumerate(task.batches(1), 3):
        by_hand.update(batch, rate(update))
    with open_engine(cfg, training=True) as engine:
        update = engine.update
        engine.update = lambda *given: (seen.append(checkpoint.complete_epochs(folder.prefix(cfg))), update(*given))[1]
        train(cfg, training(cfg, engine.place), engine, 1, {"config": {}}, LOG)
    assert seen == [[1]] * 2 and checkpoint.complete_epochs(folder.prefix(cfg)) == [1, 2]
    after, _ = params.load(checkpoint.find(folder.prefix(cfg), 2))
    for name, value in by_hand.parameters()[0].items():
        np.testing.assert_array_equal(after[name], value, err_msg=name)
    assert not np.array_equal(after["fc6_weight"], before["fc6_weight"])


def test_momentum_cannot_begin_on_the_way(small):
    cfg = small("TRAIN.momentum=0")
    run(cfg)
    cfg.TRAIN.momentum, cfg.TRAIN.end_epoch = 0.9, 2
    with pytest.raises(ValueError, match=r"TRAIN.momentum: 0 when .* was trained, cannot become 0\.9"):
        run(cfg, begin=1)


def test_a_run_whose_momentum_is_an_earlier_versions_is_not_gone_on_with(small):
    cfg = small()
    run(cfg)
    folder.prefix(cfg).with_name("deeplab-0001.momentum.npz").rename(
        folder.prefix(cfg).with_name("deeplab-0001.states")
    )
    cfg.TRAIN.end_epoch = 2
    with pytest.raises(ValueError, match="deeplab-0001.states: an earlier version's momentum, a pickle"):
        run(cfg, begin=1)
    assert checkpoint.complete_epochs(folder.prefix(cfg)) == [1]


def test_resumed_run_has_the_losses_of_the_unbroken_one_bit_for_bit(small):
    whole = small("TRAIN.end_epoch=3", "run.name=whole")
    parts = small("TRAIN.end_epoch=1", "run.name=parts")
    expected = losses(run(whole))
    for epoch in range(3):
        parts.TRAIN.end_epoch = epoch + 1
        found = losses(run(parts, begin=epoch))
    assert found == expected and len(expected) == 6
    for ending in ("params", "momentum.npz", "npz"):
        files = [folder.prefix(cfg).with_name(f"deeplab-0003.{ending}").read_bytes() for cfg in (whole, parts)]
        assert files[0] == files[1], ending


@pytest.mark.parametrize("reaction", ["warn", "rollback"])
@pytest.mark.parametrize("name", ["quick_plain", "quick_acn"])
def test_a_loss_that_is_no_number_stops_and_leaves_no_checkpoint(small, tmp_path, name, reaction):
    cfg = small("TRAIN.lr=1e18", "TRAIN.warmup=false", "TRAIN.end_epoch=3", f"run.on_explosion={reaction}", name=name)
    with pytest.raises(Diverged, match=r"training diverged: .* at update \d \(epoch 0\), learning rate 1e\+18, .*"):
        run(cfg)
    assert not list(tmp_path.rglob("*.params"))
