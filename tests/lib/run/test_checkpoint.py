# SPDX-License-Identifier: Apache-2.0
"""Checkpoints: complete or not there, plain data, and refused with what to do where they cannot be used."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest

from lib.run import checkpoint, params
from lib.run.atomic import replacing, write_json
from lib.run.checkpoint import CheckpointError

GRAPH = '{"nodes": [], "heads": []}'


class Engine:
    """As much of an engine as a checkpoint needs. loaded: what came back."""

    def __init__(self):
        self.arg = {"w": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.ones(3, np.float32)}
        self.aux = {"mean": np.zeros(2, np.float32)}
        self.pushed = {"w": np.full((2, 3), 0.5, np.float32)}
        self.loaded, self.loaded_momentum = None, None

    def parameters(self, names=None):
        return self.arg, self.aux

    def momentum(self):
        return self.pushed

    def load(self, arg, aux):
        self.loaded = (arg, aux)

    def load_momentum(self, values):
        self.loaded_momentum = values


@pytest.fixture
def prefix(tmp_path):
    """A checkpoint of three epochs."""
    checkpoint.save(tmp_path / "net", 3, Engine(), {"update": 12}, GRAPH, {"a": np.ones((1, 1, 3, 3, 2))})
    return tmp_path / "net"


def test_a_checkpoint_is_these_files_and_comes_back(prefix):
    names = {"net-symbol.json", "net-0003.params", "net-0003.momentum.npz", "net-0003.npz", "net-0003.json"}
    assert {path.name for path in prefix.parent.iterdir()} == names
    assert checkpoint.read_graph(prefix) == GRAPH
    digest = checkpoint.digest(prefix.parent / "net-0003.params")
    assert checkpoint.read_state(prefix, 3) == {"epoch": 3, "update": 12, "params_sha256": digest}
    assert checkpoint.complete_epochs(prefix) == [3]
    assert checkpoint.read_offsets(prefix, 3)["a"].shape == (1, 1, 3, 3, 2) and checkpoint.read_offsets(prefix, 4) == {}
    engine = Engine()
    checkpoint.restore(prefix, 3, engine, 0.9)
    for part, wanted in zip((*engine.loaded, engine.loaded_momentum), (engine.arg, engine.aux, engine.pushed)):
        assert part.keys() == wanted.keys()
        assert all(np.array_equal(part[name], value) for name, value in wanted.items())


def test_copies_for_other_programs_are_written_and_not_read_again(tmp_path):
    engine = Engine()
    name, value = next(iter(engine.arg.items()))
    checkpoint.save(tmp_path / "net", 1, engine, {}, "{}", {}, lambda arg: {f"{name}_test": 2 * arg[name]})
    held, _ = params.load(tmp_path / "net-0001.params")
    assert np.array_equal(held[f"{name}_test"], 2 * value)
    other = Engine()
    checkpoint.restore(tmp_path / "net", 1, other, 0.9)
    assert other.loaded[0].keys() == engine.arg.keys()


@pytest.mark.parametrize("ending", ["-symbol.json", "-0003.params", "-0003.momentum.npz", "-0003.npz", "-0003.json"])
def test_a_write_that_fails_anywhere_leaves_no_complete_epoch_and_no_cut_file(prefix, ending, monkeypatch):
    """A disk that is full from some file on: the epoch before stays, the new one is not complete."""
    replace = os.replace

    def full(source, target):
        if str(target).endswith(ending.replace("3", "4")):
            raise OSError(28, "No space left on device")
        replace(source, target)

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        checkpoint.save(prefix, 4, Engine(), {}, GRAPH, {"a": np.ones(1)})
    monkeypatch.undo()
    assert checkpoint.complete_epochs(prefix) == [3]
    assert not [path for path in prefix.parent.iterdir() if path.name.startswith(".")]
    checkpoint.restore(prefix, 3, Engine(), 0.9)


def test_going_back_removes_the_epochs_after_and_nothing_else(tmp_path):
    endings = ("json", "params", "states", "npz", "momentum.npz", "carried.npz")
    others = {"net-symbol.json", "net2-0002.json", "net-0002.momentum.npz.old"}
    for name in [*others, *(f"net-{k:04d}.{end}" for k in (1, 2, 10000) for end in endings)]:
        (tmp_path / name).touch()
    checkpoint.remove_after(tmp_path / "net", 1)
    left = {f"net-0001.{end}" for end in endings} | others
    assert {path.name for path in tmp_path.iterdir()} == left


def test_carried_gradients_come_back_and_are_missed(tmp_path):
    taken = []
    engine, prefix = Engine(), tmp_path / "net"
    engine.load_carried = taken.append
    assert checkpoint.save_carried(prefix, 2, {}) == {}
    state = checkpoint.save_carried(prefix, 3, {"a": np.arange(4.0).reshape(2, 2)})
    assert state == {"carried": ["a"]}
    checkpoint.save(prefix, 2, engine, {}, "", {})
    checkpoint.save(prefix, 3, engine, state, "", {})
    checkpoint.restore(prefix, 2, engine, 0.9)
    assert taken == []
    checkpoint.restore(prefix, 3, engine, 0.9)
    assert taken[0]["a"].tolist() == [[0, 1], [2, 3]]
    engine.loaded = None
    (tmp_path / "net-0003.carried.npz").unlink()
    with pytest.raises(CheckpointError, match=r"carried\.npz does not exist, so this checkpoint is not complete"):
        checkpoint.restore(prefix, 3, engine, 0.9)
    assert engine.loaded is None


def test_missing_checkpoint_says_what_is_there(tmp_path):
    (tmp_path / "net-0003.params").touch()
    with pytest.raises(FileNotFoundError, match=r"net-0004\.params does not exist; the folder has net-0003\.params"):
        checkpoint.find(tmp_path / "net", 4)


def test_an_epoch_that_cannot_go_on_says_what_to_do(prefix):
    (prefix.parent / "net-0003.params").unlink()
    with pytest.raises(CheckpointError, match=r"net-0003\.params does not exist; .*; remove .*net-0003\.json"):
        checkpoint.restore(prefix, 3, Engine(), 0.9)


def test_momentum_cannot_begin_on_the_way(prefix):
    engine = Engine()
    engine.pushed = {}
    checkpoint.save(prefix, 3, engine, {}, "", {})
    with pytest.raises(CheckpointError, match=r"TRAIN.momentum: 0 when .* was trained, cannot become 0\.9"):
        checkpoint.restore(prefix, 3, engine, 0.9)
    assert engine.loaded is None
    checkpoint.restore(prefix, 3, engine, 0.0)


@pytest.mark.parametrize(("name", "said"), [
    ("net-0003.params", r"net-0003\.params: at byte \d+: "),
    ("net-0003.momentum.npz", r"net-0003\.momentum\.npz: damaged .*; remove this epoch's \.json"),
    ("net-0003.npz", r"net-0003\.npz: damaged"),
    ("net-0003.json", r"net-0003\.json: damaged .*; remove it, and the run goes on from the epoch before"),
    ("net-symbol.json", r"net-symbol\.json: damaged .*; remove the newest epoch's \.json"),
])  # fmt: skip
def test_every_cut_of_a_file_is_told_with_its_name_and_what_to_do(prefix, name, said):
    path = prefix.parent / name
    whole = path.read_bytes()
    for length in {0, 1, *(max(len(whole) - cut, 0) for cut in (3, 22)), len(whole) // 3, len(whole) // 2}:
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=said):
            checkpoint.restore(prefix, 3, Engine(), 0.9)
            checkpoint.read_offsets(prefix, 3)
            checkpoint.read_state(prefix, 3)
            checkpoint.read_graph(prefix)


def test_a_checkpoint_without_its_momentum_is_not_complete(prefix):
    (prefix.parent / "net-0003.momentum.npz").unlink()
    with pytest.raises(CheckpointError, match=r"momentum\.npz does not exist, so this checkpoint is not complete"):
        checkpoint.restore(prefix, 3, Engine(), 0.9)


def test_momentum_of_an_earlier_version_is_refused_with_what_to_do(prefix):
    (prefix.parent / "net-0003.momentum.npz").rename(prefix.parent / "net-0003.states")
    engine = Engine()
    with pytest.raises(CheckpointError, match=r"net-0003\.states: an earlier version's momentum, a pickle.*"
                       r"network\.pretrained=.*/net network\.pretrained_epoch=3"):  # fmt: skip
        checkpoint.restore(prefix, 3, engine, 0.9)
    assert engine.loaded is None


def test_a_file_is_replaced_completely_or_not_at_all(tmp_path):
    path = tmp_path / "file.json"
    write_json(path, {"a": 1})
    with pytest.raises(RuntimeError), replacing(path) as new:
        new.write_text("half")
        raise RuntimeError
    assert json.loads(path.read_text()) == {"a": 1}
    assert os.listdir(tmp_path) == ["file.json"]


def test_the_digest_is_that_of_the_file(tmp_path):
    params.save(tmp_path / "a.params", {"w": np.ones(1)}, {})
    params.save(tmp_path / "b.params", {"w": np.ones(1)}, {})
    params.save(tmp_path / "c.params", {"w": np.zeros(1)}, {})
    first, second, third = (checkpoint.digest(tmp_path / f"{name}.params") for name in "abc")
    assert first == second != third and len(first) == 64
