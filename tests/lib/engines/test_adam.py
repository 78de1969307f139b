# SPDX-License-Identifier: Apache-2.0
"""Adam: by hand, the same in both engines, its state saved as arrays, and a run that changes engines."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest
from trainings import ENGINES, config, engine_of, noise

from lib.run import checkpoint
from lib.run.optimiser import adam_state, as_arrays, kind_of

ADAM = ["TRAIN.optimizer=adam", "TRAIN.momentum=0.8", "TRAIN.momentum2=0.95", "TRAIN.wd=0.01", "run.precision=float64",
        "net.depth=10"]  # fmt: skip
RATES = (1e-3, 1e-3, 2e-3, 5e-4) * 6
THERE = [name for name in ("mxnet", "torch") if find_spec(name)]
engines = pytest.mark.parametrize("name", ENGINES)


def adam_engine(name, *more):
    return engine_of(config("quick_dcn", f"engine={name}", *ADAM, *more))


def batches(engine):
    return [noise(engine, seed) for seed in range(len(RATES))]


@engines
def test_the_first_updates_by_hand(name):
    engine, key = adam_engine(name, "TRAIN.wd=0"), "score_weight"
    batch, weight, held = noise(engine), engine.parameters([key])[0][key], None
    for count in (1, 2, 3):
        before = held
        engine.update(batch, 0.01)
        held = {part: engine.momentum()[f"{key}.{part}"] for part in ("mean", "variance", "updates")}
        assert held["updates"] == count
        gradient = held["mean"] / 0.2 if before is None else (held["mean"] - 0.8 * before["mean"]) / 0.2
        square = held["variance"] / 0.05 if before is None else (held["variance"] - 0.95 * before["variance"]) / 0.05
        np.testing.assert_allclose(square, gradient**2, rtol=1e-4, atol=1e-11)
        rate = 0.01 * np.sqrt(1 - 0.95**count) / (1 - 0.8**count)
        weight = weight - rate * held["mean"] / (np.sqrt(held["variance"]) + 1e-8)
        np.testing.assert_allclose(engine.parameters([key])[0][key], weight, rtol=0, atol=1e-8)
    assert np.abs(gradient).max() > 1e-6


@engines
def test_decay_is_part_of_the_gradient(name):
    plain, decayed = (adam_engine(name, f"TRAIN.wd={wd}") for wd in (0, 0.5))
    batch, key = noise(plain), "score_weight"
    start = plain.parameters([key])[0][key]
    for engine in (plain, decayed):
        engine.update(batch, 1e-3)
    difference = decayed.momentum()[f"{key}.mean"] - plain.momentum()[f"{key}.mean"]
    np.testing.assert_allclose(difference, 0.2 * 0.5 * start, rtol=1e-5, atol=1e-12)


@pytest.mark.skipif(len(THERE) < 2, reason="one of the frameworks is not installed")
def test_both_engines_agree_in_float64_over_24_updates():
    both = [adam_engine(name) for name in THERE]
    for batch, rate in zip(batches(both[0]), RATES):
        for engine in both:
            engine.update(batch, rate)
    first, second = ({**engine.parameters()[0], **engine.momentum()} for engine in both)
    assert first.keys() == second.keys() and kind_of(both[0].momentum()) == "adam"
    for key, value in first.items():
        np.testing.assert_allclose(second[key], value, rtol=1e-9, atol=1e-11 * (1 + np.abs(value).max()), err_msg=key)


@engines
@pytest.mark.parametrize("cpus", [1, 2])
def test_a_state_that_is_put_back_goes_on_as_before(name, cpus):
    devices = [f"run.cpus={cpus}", "net.train_bn=false"]
    whole = adam_engine(name, *devices)
    given = batches(whole)[:3]
    for batch in given[:2]:
        whole.update(batch, 1e-3)
    arg, aux, state = *whole.parameters(), whole.momentum()
    whole.update(given[2], 1e-3)
    for other in THERE:
        fresh = adam_engine(other, "run.seed=9", *devices)
        fresh.update(given[0], 1e-3)  # a state of its own, which goes
        fresh.load(arg, aux)
        fresh.load_momentum(state)
        fresh.update(given[2], 1e-3)
        for key, value in whole.parameters()[0].items():
            exact = {"rtol": 0, "atol": 0 if other == name else 1e-11}
            np.testing.assert_allclose(fresh.parameters([key])[0][key], value, **exact, err_msg=f"{other} {key}")


@engines
def test_several_batches_of_an_update_are_averaged(name):
    engine, other = adam_engine(name, "TRAIN.wd=0"), adam_engine(name, "TRAIN.wd=0")
    batch = noise(engine)
    engine.update(batch, 1e-3, batch)
    other.update(batch, 1e-3)
    key = "score_weight.mean"
    np.testing.assert_allclose(engine.momentum()[key], other.momentum()[key], rtol=1e-6, atol=1e-12)


@engines
def test_held_parameters_count_no_update(name):
    engine = adam_engine(name)
    batch, key = noise(engine), "score_weight"
    engine.hold([key], True)
    engine.update(batch, 1e-3)
    engine.hold([key], False)
    engine.update(batch, 1e-3)
    counts = {full: int(value) for full, value in engine.momentum().items() if full.endswith(".updates")}
    assert counts.pop(f"{key}.updates") == 1 and set(counts.values()) == {2}


@engines
@pytest.mark.parametrize("first, second", [("sgd", "adam"), ("adam", "sgd")])
def test_the_optimiser_cannot_change_on_the_way(name, first, second, tmp_path):
    cfg = config("quick_dcn", f"engine={name}", f"TRAIN.optimizer={first}")
    engine = engine_of(cfg)
    engine.update(noise(engine), 1e-3)
    checkpoint.save(tmp_path / "net", 1, engine, {}, engine.network.graph, {})
    other = engine_of(config("quick_dcn", f"engine={name}", f"TRAIN.optimizer={second}"))
    with pytest.raises(
        checkpoint.CheckpointError, match=f"TRAIN.optimizer: '{first}' when .* cannot become '{second}'"
    ):
        checkpoint.restore(tmp_path / "net", 1, other, 0.9, second)


def test_a_state_is_plain_arrays_by_name():
    state = as_arrays({"a.weight": (np.ones(2), np.zeros(2), 7)})
    assert sorted(state) == ["a.weight.mean", "a.weight.updates", "a.weight.variance"] and kind_of(state) == "adam"
    (mean, variance, updates) = adam_state(state)["a.weight"]
    assert mean.sum() == 2 and not variance.any() and updates == 7
    assert kind_of({}) == "" and kind_of({"a": np.ones(1)}) == "sgd"
    del state["a.weight.updates"]
    with pytest.raises(ValueError, match="a.weight: adam's state has no updates"):
        adam_state(state)


@pytest.mark.parametrize("key", ["momentum", "momentum2"])
def test_running_means_need_less_than_1(key):
    with pytest.raises(ValueError, match=f"TRAIN.{key}: a running mean needs less than 1, got 1"):
        config("quick_dcn", "TRAIN.optimizer=adam", f"TRAIN.{key}=1")
