# SPDX-License-Identifier: Apache-2.0
"""Damage of any file of ours is told with the file's name and what to do, never by a traceback of something inside."""

from __future__ import annotations

import json

import numpy as np
import pytest

from lib.data.images import DatasetError
from lib.data.streets.write import Settings, generate
from lib.looking import look as looks
from lib.looking.look import Layer, Look
from lib.looking.places import Geometry
from lib.pictures.runs import Run
from lib.run import checkpoint, params
from lib.run.checkpoint import CheckpointError
from lib.run.damage import DamagedFile, read_arrays, read_json
from lib.run.metrics import read_metrics
from lib.run.record import read_record, recorded


def spoiled(content: bytes):
    """Copies of a file: cut at many places, with single bytes changed, and what else may lie under its name."""
    step = max(1, len(content) // 60)
    yield from (content[:length] for length in range(0, len(content), step))
    for place in range(0, len(content), step):
        copy = bytearray(content)
        copy[place] ^= 0xFF
        yield bytes(copy)
    yield from (b"", b"[]", b"3", b"null", b"{}", b"{", b"\xff\xfe", b"PK\x03\x04", b"\x93NUMPY", b"[" * 100000)


@pytest.mark.parametrize("compressed", [False, True])
def test_arrays(tmp_path, compressed):
    path = tmp_path / "a.npz"
    save = np.savez_compressed if compressed else np.savez
    whole = {"x": np.arange(300.0), "y": np.ones((3, 4), np.float16)}
    save(path, **whole)
    refused = 0
    for content in list(spoiled(path.read_bytes())):
        path.write_bytes(content)
        try:
            found = read_arrays(path, "do this")
            assert all((found[name] == whole[name]).all() for name in set(found) & set(whole))
        except DamagedFile as error:
            refused += 1
            assert "a.npz: damaged" in str(error) and "do this" in str(error)
    assert refused > 60
    np.save(tmp_path / "b.npy", np.arange(3))
    path.write_bytes((tmp_path / "b.npy").read_bytes())
    with pytest.raises(DamagedFile):
        read_arrays(path, "do this")


class Engine:
    """Stands for an engine: what it is given, it has."""

    def __init__(self):
        self.arg, self.aux = {"w": np.arange(40, dtype=np.float32).reshape(5, 8)}, {"m": np.ones(3, np.float32)}

    def parameters(self, names=None):
        return self.arg, self.aux

    def momentum(self):
        return {"w": np.full((5, 8), 0.5, np.float32)}

    def load(self, arg, aux):
        self.arg, self.aux = arg, aux

    def load_momentum(self, values):
        self.loaded = values


def saved(folder):
    state = {"config": {"x": 1}, "threads": 1, "images": 3, "update": 7}
    checkpoint.save(folder / "net", 1, Engine(), state, "{}", {"offset": np.zeros((1, 1, 3, 3, 2), np.float32)})
    return folder / "net"


@pytest.mark.parametrize("ending", ["params", "momentum.npz", "json"])
def test_a_checkpoint_that_is_gone_on_from(tmp_path, ending):
    """Every changed byte of its parameters is noticed; the error says how to go on."""
    prefix = saved(tmp_path)
    path = tmp_path / f"net-0001.{ending}"
    whole = path.read_bytes()
    for content in spoiled(whole):
        path.write_bytes(content)
        engine = Engine()
        try:
            checkpoint.restore(prefix, 1, engine, 0.9)
            checkpoint.read_state(prefix, 1)
        except CheckpointError as error:
            assert path.name in str(error) and "remove" in str(error)
            continue
        assert ending != "params" or content == whole
        assert (engine.arg["w"] == Engine().arg["w"]).all() and (engine.loaded["w"] == 0.5).all()
    path.write_bytes(whole)
    checkpoint.restore(prefix, 1, Engine(), 0.9)


def test_offsets_of_a_checkpoint(tmp_path):
    prefix = saved(tmp_path)
    (tmp_path / "net-0001.npz").write_bytes(b"PK\x03\x04 nothing")
    with pytest.raises(CheckpointError, match="net-0001.npz: damaged"):
        checkpoint.read_offsets(prefix, 1)


def test_a_checkpoint_of_an_earlier_version_has_no_digest(tmp_path):
    prefix = saved(tmp_path)
    path = tmp_path / "net-0001.json"
    state = json.loads(path.read_text())
    del state["params_sha256"]
    path.write_text(json.dumps(state))
    aux = {"m": np.zeros(3, np.float32)}
    params.save(tmp_path / "net-0001.params", {"w": np.zeros((5, 8), np.float32)}, aux)
    checkpoint.restore(prefix, 1, Engine(), 0.9)


def test_metrics(tmp_path):
    path = tmp_path / "metrics.jsonl"
    line = json.dumps({"event": "update", "update": 1, "epoch": 0, "loss": 1.0}) + "\n"
    path.write_text(line + line[:20])
    assert len(read_metrics(path)) == 1  # a process that was killed may leave half a line
    for wrong in ("{", "[]", '{"event": "update"}', '{"update": "1"}', "\x00\x00", "NaN"):
        path.write_text(line + wrong + "\n" + line)
        with pytest.raises(DamagedFile, match=r"metrics\.jsonl: line 2 is damaged.*remove that line"):
            read_metrics(path)
    path.write_bytes(line.encode() + b"\xff\xfe\n")
    with pytest.raises(DamagedFile, match=r"metrics\.jsonl: line 2"):
        read_metrics(path)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff", b"[" * 100000, b"{}"])
def test_records_and_runs(tmp_path, content):
    folder = tmp_path / "run" / "set"
    folder.mkdir(parents=True)
    (folder / "run.json").write_bytes(content)
    for read in (lambda: read_record(folder), lambda: Run(tmp_path / "run")):
        with pytest.raises(DamagedFile, match=r"run\.json: damaged"):
            read()
    if content != b"{}":
        with pytest.raises(DamagedFile, match=r"run\.json: damaged.*remove it"), recorded(folder, {}):
            raise AssertionError("the block must not run")


def test_json_wants_its_keys(tmp_path):
    path = tmp_path / "a.json"
    path.write_text('{"x": 1}')
    assert read_json(path, "", ["x"]) == {"x": 1}
    with pytest.raises(DamagedFile, match="no y, z in it.*do this"):
        read_json(path, "do this", ["x", "y", "z"])
    with pytest.raises(FileNotFoundError):
        read_json(tmp_path / "b.json", "do this")


def test_looks(tmp_path):
    geometry = Geometry((3, 3), (1, 1), (1, 1), (1, 1), (4.0, 4.0), (0.0, 0.0), (4, 6), (4, 6))
    layer = Layer("res5a", "active", geometry, np.zeros((1, 9, 2, 1, 1), np.float32))
    black = np.zeros((16, 24), np.uint8)
    path = tmp_path / "look.npz"
    colours = np.zeros((256, 3), np.uint8)
    looks.save(path, Look("run", 1, "p", np.zeros((16, 24, 3), np.uint8), black, None, 1.0, [layer], ("a",), colours))
    whole = path.read_bytes()
    for content in spoiled(whole):
        path.write_bytes(content)
        try:
            looks.load(path)
        except DamagedFile as error:
            assert "look.npz" in str(error) and "makes it anew" in str(error)
    path.write_bytes(whole)
    arrays = read_arrays(path, "")
    for facts in ("{}", '{"format": 2}', '{"format": 2, "layers": 3}', '{"format": 1}', "nothing", "[]"):
        np.savez(path, **{**arrays, "facts": np.array(facts)})
        with pytest.raises(DamagedFile, match=r"look\.npz"):
            looks.load(path)


@pytest.mark.parametrize("content", [b"", b"[]", b"null", b"{", b"{}", b'{"train": 1}', b"\xff"])
def test_streets(tmp_path, content):
    generate(tmp_path / "s", Settings(1, 1, 64, 96))
    (tmp_path / "s" / "streets.json").write_bytes(content)
    with pytest.raises(DatasetError, match=r"s: is there, but has no readable streets\.json"):
        generate(tmp_path / "s", Settings(1, 1, 64, 96))
