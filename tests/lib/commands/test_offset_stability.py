# SPDX-License-Identifier: Apache-2.0
"""What keeps offsets from running away in a training: the monitor, bounds, ends, and rollbacks."""

from __future__ import annotations

import numpy as np
import pytest
from trainings import config as small_config
from trainings import engine_of, losses, run

from lib.config import ConfigError
from lib.data.streets.write import Settings, generate
from lib.engines.mxnet.engine import MXNetEngine
from lib.looking.layers import looking_layers, steering
from lib.looking.monitor import OffsetMonitor
from lib.run import checkpoint, folder
from lib.run.loop import Diverged
from lib.run.metrics import read_metrics

WILD = "net.offset_lr_rate=30"  # each update moves every tap by 3 pixels


def config(name, *overrides):
    return small_config(name, "TRAIN.end_epoch=2", "TRAIN.warmup=false", *overrides)


@pytest.fixture(scope="module")
def streets(tmp_path_factory):
    place = tmp_path_factory.mktemp("data") / "streets"
    generate(place, Settings(train=4, val=1, height=64, width=96, seed=3))
    return place


def places(streets, out):
    return [f"dataset.dataset_path={streets}", f"output_path={out}"]


@pytest.mark.parametrize("name", ["quick_acn", "quick_dcn"])
def test_monitor_writes_each_epoch_and_changes_nothing(streets, tmp_path, name, monkeypatch, caplog):
    with caplog.at_level("INFO", "test"):
        watched = run(config(name, *places(streets, tmp_path / "a")))
    seen = [line for line in watched if line["event"] == "offsets"]
    assert [line["epoch"] for line in seen] == [0, 1]
    for line in seen:
        (observation,) = line["layers"].values()
        assert 0 < observation["mean"] <= observation["max"] and 0 < observation["outside_regular"] < 1
        assert observation["taps"] == 9 and line["rollbacks"] == 0
    assert caplog.text.count("% of samples outside (regular grid") == 2
    monkeypatch.setattr(OffsetMonitor, "observe", lambda self: {})
    blind = run(config(name, *places(streets, tmp_path / "b")))
    assert losses(blind) == losses(watched)


def test_bound_holds_in_training_and_the_monitor_sees_it(streets, tmp_path):
    free = ["net.offset_lr_rate=30", *places(streets, tmp_path / "free")]
    assert max(last_seen(run(config("quick_acn", *free)))) > 3
    for name, more in (("quick_acn", ["net.offset_lr_rate=30"]), ("quick_dcn", ["net.offset_lr_mult=1000"])):
        lines = run(config(name, *more, "net.offset_bound=1.5", *places(streets, tmp_path / name)))
        assert 1 < max(last_seen(lines)) <= 1.5 * np.sqrt(2)


def last_seen(lines):
    return [layer["max"] for line in lines if line["event"] == "offsets" for layer in line["layers"].values()]


def test_explosion_is_told_and_the_run_goes_on(streets, tmp_path, caplog):
    with caplog.at_level("INFO", "test"):
        lines = run(config("quick_acn", WILD, "run.offset_limit=2", *places(streets, tmp_path)))
    assert len(losses(lines)) == 4
    assert caplog.text.count("warning: offsets exploded: res5a_branch2b looks") == 2 and "limit 2" in caplog.text


def test_limit_is_the_longer_side_of_the_map_unless_set(streets, tmp_path):
    cfg = config("quick_acn", "net.offset_lr_rate=300", "run.on_explosion=stop", *places(streets, tmp_path))
    longer = max(OffsetMonitor(engine_of(cfg), dict).sizes["res5a_branch2b"])
    with pytest.raises(Diverged, match=rf"looks .* px away, limit {longer} at update 1 \(epoch 0\)"):
        run(cfg)


def test_stop_ends_with_the_last_good_checkpoint(streets, tmp_path):
    cfg = config("quick_acn", WILD, "run.on_explosion=stop", "run.offset_limit=14", *places(streets, tmp_path))
    with pytest.raises(Diverged, match="(?s)offsets exploded: .*run.on_explosion=rollback"):
        run(cfg)
    # 3 px in the first update, at most 5.7 more in the second
    assert checkpoint.complete_epochs(folder.prefix(cfg)) == [1]
    assert max(last_seen(read_metrics(folder.prefix(cfg).parent / "metrics.jsonl"))) <= 14


def test_rollback_goes_on_slower_from_the_last_checkpoint_and_resumes_exactly(streets, tmp_path, caplog):
    settings = [
        WILD,
        "run.on_explosion=rollback",
        "run.offset_limit=14",
        "TRAIN.end_epoch=3",
        "run.rollback_factor=0.125",
    ]
    cfg = config("quick_acn", *settings, *places(streets, tmp_path / "whole"))
    with caplog.at_level("INFO", "test"):
        lines = run(cfg)
    assert "rollback 1 of 3: on from epoch 1, offsets learn at 0.125 of their rate" in caplog.text
    seen = [line["rollbacks"] for line in lines if line["event"] == "offsets"]
    assert seen == [0, 1, 1] and max(last_seen(lines)) <= 14 and len(losses(lines)) == 6
    assert checkpoint.read_state(folder.prefix(cfg), 3)["rollbacks"] == 1
    for stopped_after in (1, 2):
        part = config("quick_acn", *settings, *places(streets, tmp_path / f"part{stopped_after}"))
        part.TRAIN.end_epoch = stopped_after
        run(part)
        part.TRAIN.end_epoch = 3
        resumed = run(part, begin=stopped_after)
        assert losses(resumed) == losses(lines), stopped_after


def test_each_rollback_scales_rate_and_momentum_of_all_that_makes_offsets(streets, tmp_path, monkeypatch):
    """Two rollbacks to the first epoch, whose checkpoint was written before any."""
    cfg = config("quick_dcn", "TRAIN.end_epoch=1", "run.rollback_factor=0.25", *places(streets, tmp_path))
    run(cfg)
    saved = checkpoint.read_momentum(folder.prefix(cfg), 1)
    slowed, tries = [], []
    slow, update = MXNetEngine.slow, MXNetEngine.update

    def watched_slow(self, names, factor):
        slowed.append((sorted(names), factor))
        slow(self, names, factor)

    def watched_update(self, batch, rate):
        tries.append((len(slowed), self.momentum()))
        return update(self, batch, rate)

    monkeypatch.setattr(MXNetEngine, "slow", watched_slow)
    monkeypatch.setattr(MXNetEngine, "update", watched_update)
    cfg.run.on_explosion, cfg.run.offset_limit, cfg.run.max_rollbacks, cfg.TRAIN.end_epoch = "rollback", 1e-9, 2, 2
    with pytest.raises(Diverged, match="went back 2 times"):
        run(cfg, begin=1)
    names = ["res5a_branch2b_offset_bias", "res5a_branch2b_offset_weight"]
    assert slowed == [(names, 0.25), (names, 0.0625)]
    assert sorted(steering(looking_layers(engine_of(cfg).network.graph))) == names
    for count, factor in enumerate((1, 0.25, 0.0625)):
        first = next(momentum for done, momentum in tries if done == count)
        assert first.keys() == saved.keys()
        for name, value in saved.items():
            expected = value * np.float32(factor if name in names else 1)
            np.testing.assert_array_equal(first[name], expected, err_msg=name)
    assert all(saved[name].any() for name in names)


def test_rollbacks_end(streets, tmp_path):
    settings = [WILD, "run.on_explosion=rollback", "run.offset_limit=2", "run.max_rollbacks=2"]
    settings += ["run.rollback_factor=0.999"]
    with pytest.raises(Diverged, match="went back 2 times, which did not help"):
        run(config("quick_acn", *settings, *places(streets, tmp_path)))
    plain = ["run.on_explosion=rollback", "TRAIN.lr=1e18", *places(streets, tmp_path / "plain")]
    with pytest.raises(Diverged) as error:
        run(config("quick_plain", *plain))
    assert "went back" not in str(error.value)  # it has no offsets to slow


def test_settings_are_checked():
    for setting, told in (
        ("run.on_explosion=panic", "'warn', 'stop', 'rollback'"),
        ("net.offset_bound=-1", "at least 0"),
    ):
        with pytest.raises(ConfigError, match=told):
            config("quick_acn", setting)
