# SPDX-License-Identifier: Apache-2.0
"""A disk that fills at any byte, under any writer, leaves the old file or none, never a cut one.

A limit on the size of a file stands in for the disk: as on a full disk, a write gets through in part, the next one
fails. Each attempt runs in a process of its own.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import traceback
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from lib.data.streets.write import Settings, generate
from lib.looking import look as looks
from lib.looking.look import Layer, Look
from lib.looking.places import Geometry
from lib.run import atomic, params
from lib.run.metrics import Metrics, read_metrics

RNG = np.random.default_rng(0)
NOISE = RNG.integers(0, 256, (40, 60, 3), np.uint8)


def limited(limit: int, work) -> int:
    """Runs `work()` in a process whose files cannot grow beyond `limit` bytes: 0 done, 1 an OSError, else 2."""
    child = os.fork()
    if child == 0:
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
            work()
            status = 0
        except OSError:
            status = 1
        except BaseException:
            traceback.print_exc(file=sys.__stderr__)
            status = 2
        os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def look(value: float) -> Look:
    geometry = Geometry((3, 3), (1, 1), (1, 1), (1, 1), (4.0, 4.0), (0.0, 0.0), (10, 15), (10, 15))
    offset = (value * RNG.normal(size=(1, 9, 2, 1, 1))).astype(np.float32)
    ids = np.zeros((40, 60), np.uint8)
    palette = np.zeros((256, 3), np.uint8)
    return Look("run", 3, "picture", NOISE, ids, None, 1.0, [Layer("res5a", "active", geometry, offset)], ("road",),
                palette)  # fmt: skip


def figure(folder: Path, version: int) -> None:
    made = Figure(figsize=(3, 2))
    made.subplots().plot(range(version + 2))
    atomic.write_with(folder / "figure.png", lambda file: made.savefig(file, format="png"))


def picture(folder: Path, version: int) -> None:
    image = Image.fromarray(np.roll(NOISE, version, 0))
    atomic.write_with(folder / "picture.png", lambda file: image.save(file, format="PNG"))


def foreign(folder: Path, version: int) -> None:
    """A library that is given a path, not a file."""
    with atomic.replacing(folder / "foreign.png") as new:
        Image.fromarray(np.roll(NOISE, version, 0)).save(new, format="PNG")


def inspected(folder: Path, version: int) -> None:
    from lib.commands.inspect import write

    write(folder, None, look(1.0 + version), (20, 30))


WRITERS = {
    "params": lambda folder, version: params.save(folder / "a.params", {"w": np.full((30, 7), version, "f4")}, {}),
    "arrays": lambda folder, version: atomic.write_arrays(folder / "a.npz", {"w": np.full((300,), version)}),
    "json": lambda folder, version: atomic.write_json(folder / "a.json", {"x": list(range(version, version + 300))}),
    "text": lambda folder, version: atomic.write_text(folder / "a.txt", f"{version}" * 3000),
    "look": lambda folder, version: looks.save(folder / "look.npz", look(version)),
    "figure": figure,
    "picture": picture,
    "foreign": foreign,
    "inspect": inspected,
}


@pytest.mark.parametrize("name", WRITERS)
def test_no_cut_file_and_no_lost_one(tmp_path, name):
    write = WRITERS[name]
    empty, full = tmp_path / "empty", tmp_path / "full"
    for folder in (empty, full):
        folder.mkdir()
    write(full, 1)
    old = {path.name: path.read_bytes() for path in full.iterdir()}
    sizes = sorted(len(content) for content in old.values())
    limits = {0, sizes[-1] - 1}
    if name != "inspect":  # it draws for seconds
        limits |= {1, sizes[0] - 1, sizes[len(sizes) // 2], sizes[0] // 2, 7, 100, 511, 512, 1023, 4095, 4096, 4097}
    failed = 0
    for limit in sorted(each for each in limits if 0 <= each < sizes[-1]):
        for folder in (empty, full):
            status = limited(limit, lambda folder=folder: write(folder, 2))
            failed += status == 1
            assert status in (0, 1)
            for path in folder.iterdir():
                assert not path.name.startswith("."), "a leftover"
                assert len(path.read_bytes()) <= limit or path.read_bytes() == old[path.name]
                _complete(path)
        for path in full.iterdir():  # for the next limit
            path.unlink()
        for file, content in old.items():
            (full / file).write_bytes(content)
        for path in empty.iterdir():
            path.unlink()
    assert failed >= 4
    assert limited(1 << 30, lambda: write(full, 2)) == 0


def _complete(path: Path) -> None:
    """Raises for a file that is cut."""
    import json

    content = path.read_bytes()
    if path.suffix == ".params":
        params.load(path)
    elif path.suffix == ".npz":
        with np.load(path) as saved:
            assert dict(saved)
    elif path.suffix in (".png", ".gif"):
        with Image.open(path) as image:
            image.load()
        assert content.endswith((b"IEND\xaeB`\x82", b";"))
    elif path.suffix == ".json":
        json.loads(content)
    elif path.suffix == ".html":
        assert content.rstrip().endswith(b"</html>")
    else:
        assert content.endswith((b"\n", b"1", b"2"))


def test_error_names_the_file_not_its_stand_in(tmp_path):
    def work():
        try:
            atomic.write_bytes(tmp_path / "some.bin", bytes(5000))
        except OSError as error:
            (tmp_path / "said").write_text("x" * (str(tmp_path / "some.bin") in str(error)))
            assert str(tmp_path / "some.bin") in str(error) and "too large" in str(error)
            raise

    assert limited(100, work) == 1


def test_error_of_something_else_keeps_its_name(tmp_path):
    with pytest.raises(FileNotFoundError, match="nothing"):
        with atomic.replacing(tmp_path / "some.bin"):
            (tmp_path / "nothing").read_bytes()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("limit", [0, 100, 2000, 9000])
def test_generated_streets_appear_whole_or_not_at_all(tmp_path, limit):
    settings = Settings(2, 1, 64, 96)
    assert limited(limit, lambda: generate(tmp_path / "streets", settings)) == 1
    assert not list(tmp_path.iterdir())
    generate(tmp_path / "streets", settings)
    before = {path: path.read_bytes() for path in (tmp_path / "streets").rglob("*.*")}
    other = Settings(2, 1, 64, 96, seed=2)
    assert limited(limit, lambda: generate(tmp_path / "streets", other, replace=True)) == 1
    assert {path: path.read_bytes() for path in (tmp_path / "streets").rglob("*.*")} == before
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("limit", [0, 10, 150, 400])
def test_metrics_keep_whole_lines(tmp_path, limit):
    path = tmp_path / "metrics.jsonl"

    def work():
        metrics = Metrics(path, 2)
        for update in range(3, 20):
            metrics.write(event="update", update=update, epoch=0, loss=0.5)
            metrics.flush()

    first = Metrics(path, 0)
    for update in (1, 2):
        first.write(event="update", update=update, epoch=0, loss=0.5)
    first.close()
    assert limited(limit, work) == 1
    assert [line["update"] for line in read_metrics(path)][:2] == [1, 2]
    again = Metrics(path, 2)
    again.write(event="update", update=3, epoch=0, loss=0.5)
    again.close()
    assert [line["update"] for line in read_metrics(path)] == [1, 2, 3]


def test_a_log_that_cannot_be_written_is_told_once(tmp_path):
    script = (
        "import resource, pathlib; resource.setrlimit(resource.RLIMIT_FSIZE, (300, 300)); "
        "from lib.run.log import open_log; "
        f"log = open_log(pathlib.Path({str(tmp_path)!r}), 'some'); "
        "[log.info('a line of the log that goes on and on') for _ in range(50)]"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment)
    told = done.stderr
    assert told.count("the log has gaps from here on") == 1 and "some_" in told and "Traceback" not in told
    assert told.count("a line of the log") == 50 and done.returncode == 0
