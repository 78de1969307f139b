# SPDX-License-Identifier: Apache-2.0
"""The generated dataset: its pictures, its rule (only the flag tells the class), its files, and its command line."""

from __future__ import annotations

import dataclasses
import json
import time

import numpy as np
import pytest
from PIL import Image

from lib.data import labels
from lib.data.cityscapes import Cityscapes
from lib.data.images import DatasetError
from lib.data.streets import Settings, bodies, generate, render
from lib.data.streets.__main__ import main
from lib.data.streets.canvas import Canvas
from lib.data.streets.scene import NOISE
from lib.data.streets.view import look

SMALL = Settings(train=4, val=2, height=64, width=96, seed=900)
ID = labels.ID_OF_NAME


def files(root):
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def test_a_picture_depends_on_seed_split_and_index_only():
    image, label = render(900, "train", 5, 64, 96)
    again, label_again = render(900, "train", 5, 64, 96)
    assert image.shape == (64, 96, 3) and image.dtype == np.uint8 and label.shape == (64, 96)
    assert np.array_equal(image, again) and np.array_equal(label, label_again)
    for other in ((901, "train", 5), (900, "val", 5), (900, "train", 6)):
        assert not np.array_equal(image, render(*other, 64, 96)[0])


def test_all_classes_occur_and_some_pixels_are_ignored():
    seen = np.zeros(256, int)
    for index in range(30):
        seen += np.bincount(render(900, "train", index, 128, 192)[1].ravel(), minlength=256)
    assert all(seen[label_id] > 0 for label_id in labels.LABEL_IDS)
    assert seen[ID["ego vehicle"]] > 0
    assert seen[34:].sum() == 0
    body = sum(seen[ID[name]] for kind in bodies.KINDS.values() for name in kind)
    assert body > 0.10 * seen.sum()  # enough of the picture is told by flags alone


def test_a_large_picture_shows_what_the_small_one_shows():
    small, large = render(900, "val", 0, 128, 256)[1], render(900, "val", 0, 1024, 2048)[1]
    assert large.shape == (1024, 2048)
    assert (large[4::8, 4::8] == small).mean() > 0.9


def draw(body, seed=3):
    rng = np.random.default_rng(0)
    view, canvas = look(rng, 128, 192), Canvas(128, 192, ID["terrain"])
    bodies.draw_body(canvas, view, np.random.default_rng(seed), body)
    return canvas.arrays()


@pytest.mark.parametrize("kind", list(bodies.KINDS))
def test_bodies_of_a_kind_differ_in_nothing_but_the_flag(kind):
    pictures = {}
    for name, colour in bodies.KINDS[kind].items():
        image, label = draw(bodies.Body(kind, name, x=96, feet=100, width=30, height=24))
        flag = (image == np.array(colour)).all(-1)
        assert 70 <= flag[:76].sum() <= 100 and (label == ID[name])[flag].all()  # about 9 x 9, above the body
        pictures[name] = (np.where(flag[..., None], 0, image)[:76], image[76:], label == ID[name])
    first, *others = pictures.values()
    for other in others:
        assert all(np.array_equal(a, b) for a, b in zip(first, other))


def test_no_two_flags_are_alike():
    colours = [np.array(colour) for kind in bodies.KINDS.values() for colour in kind.values()]
    nearest = min(np.abs(a - b).max() for i, a in enumerate(colours) for b in colours[:i])
    assert nearest > 5 * NOISE


@pytest.mark.parametrize("kind", list(bodies.KINDS))
def test_the_flag_of_a_larger_body_is_further_away(kind):
    name, colour = next(iter(bodies.KINDS[kind].items()))
    distance = []
    for height in (10, 20, 40):
        image, _ = draw(bodies.Body(kind, name, x=96, feet=110, width=height, height=height))
        rows = np.flatnonzero((image == np.array(colour)).all(-1).sum(1) > 4)
        distance.append(110 - height - rows[rows < 110 - height].mean())
    assert distance[0] < distance[1] < distance[2]
    assert distance[2] == pytest.approx(bodies.MAST * 40, abs=1.5)


def test_classes_of_a_kind_are_equally_frequent_and_large():
    found = {}
    for index in range(150):
        rng = np.random.default_rng((900, index))
        for body in bodies.place_bodies(look(rng, 128, 192), rng, []):
            found.setdefault(body.name, []).append(body.height)
    for kind in bodies.KINDS.values():
        counts = [len(found[name]) for name in kind]
        means = [np.mean(found[name]) for name in kind]
        assert min(counts) > 0.6 * max(counts) and max(means) - min(means) < 3


def test_the_reader_of_cityscapes_reads_it(tmp_path):
    assert generate(tmp_path / "data", SMALL)
    for image_set, count, cities in (("leftImg8bit_train", 4, 3), ("leftImg8bit_val", 2, 2)):
        ds = Cityscapes(tmp_path / "data", image_set)
        assert len(ds.records) == count and len({record.city for record in ds.records}) == cities
        for record in ds.records:
            image, truth = ds.pair(record)
            assert image.shape == (64, 96, 3) and set(np.unique(truth)) <= {*range(19), 255}


def test_pictures_do_not_depend_on_workers_or_counts(tmp_path):
    generate(tmp_path / "one", SMALL)
    generate(tmp_path / "two", SMALL, workers=2)
    assert files(tmp_path / "one") == files(tmp_path / "two")
    generate(tmp_path / "more", dataclasses.replace(SMALL, train=7))
    more = files(tmp_path / "more")
    assert all(more[name] == content for name, content in files(tmp_path / "one").items() if name.endswith(".png"))


def test_a_second_run_skips_and_other_settings_are_an_error(tmp_path):
    out = tmp_path / "data"
    assert generate(out, SMALL) is True
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    assert generate(out, SMALL) is False
    assert before == {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    other = dataclasses.replace(SMALL, seed=901, val=1)
    with pytest.raises(
        DatasetError, match=r"other settings \(val 2 there, 1 asked, seed 900 there, 901 asked\); give another"
    ):
        generate(out, other)
    assert before == {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    assert generate(out, other, replace=True) is True
    assert json.loads((out / "streets.json").read_text())["seed"] == 901
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


@pytest.mark.parametrize("replace", [False, True])
def test_a_folder_that_is_not_ours_is_left_alone(tmp_path, replace):
    (tmp_path / "gtFine").mkdir()
    with pytest.raises(DatasetError, match="no readable streets.json: not a streets dataset, left alone"):
        generate(tmp_path, SMALL, replace=replace)
    assert [path.name for path in tmp_path.iterdir()] == ["gtFine"]


def test_an_empty_folder_is_filled(tmp_path):
    (tmp_path / "data").mkdir()
    assert generate(tmp_path / "data", SMALL)


def test_a_failure_leaves_nothing(tmp_path, monkeypatch):
    def fail(*_, **__):
        raise OSError("disk full")

    monkeypatch.setattr(Image.Image, "save", fail)
    with pytest.raises(OSError, match="disk full"):
        generate(tmp_path / "data", SMALL)
    assert list(tmp_path.iterdir()) == []


def test_command_line(tmp_path, capsys):
    out = str(tmp_path / "data")
    arguments = [out, "--train", "2", "--val", "1", "--size", "64x96", "--seed", "900"]
    assert main(arguments) == 0 and "made, 2 + 1 pictures" in capsys.readouterr().out
    assert main(arguments) == 0 and "already there" in capsys.readouterr().out
    assert main([out, "--seed", "900"]) == 1
    assert "train 2 there, 200 asked" in capsys.readouterr().err
    assert main([out, "--seed", "900", "--train", "1", "--val", "1", "--size", "64x64", "--replace"]) == 0


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--size", "64"], "expected HEIGHTxWIDTH such as 128x192, got '64'"),
        (["--size", "32x64"], "expected height >= 64 and width >= height, got 64 x 32"),
        (["--train", "0"], "at least one picture of train and val, got 0 and 40"),
        (["--seed", "-1"], "expected a seed >= 0, got -1"),
    ],
)
def test_wrong_arguments_are_named(tmp_path, capsys, arguments, text):
    try:
        status = main([str(tmp_path / "data"), *arguments])
    except SystemExit as error:
        status = error.code
    assert status != 0 and text in capsys.readouterr().err


def test_generating_is_quick():
    start = time.process_time()
    for index in range(20):
        render(900, "train", index, 128, 192)
    assert (time.process_time() - start) / 20 < 0.08  # 240 pictures well under 20 s; about 0.02 s each is usual
