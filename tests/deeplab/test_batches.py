# SPDX-License-Identifier: Apache-2.0
"""Batches: sizes, values, order, crops, mirror images, and a background reader that neither hides errors nor hangs."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from deeplab.batches import Batches
from deeplab.schema import Config
from lib.data import images
from lib.data.images import DatasetError
from lib.data.prefetch import prefetch

MEANS = [103.06, 115.90, 123.15]


class Memory:
    """A dataset without files: picture i is noise whose label map holds i % 19."""

    root = "memory"
    one_size = True

    def __init__(self, count=5, size=(8, 12)):
        rng = np.random.default_rng(count)
        self.images = [rng.integers(0, 256, (*size, 3), np.uint8) for _ in range(count)]
        self.records = [SimpleNamespace(image=f"picture{i}.png", number=i) for i in range(count)]
        self.reads = 0

    def pair(self, record):
        self.reads += 1
        image = self.images[record.number]
        return image, np.full(image.shape[:2], record.number % 19, np.uint8)


def config(scales=((8, 12),), **train):
    settings = {
        "FLIP": False,
        "SHUFFLE": False,
        "ENABLE_CROP": False,
        "CROP_HEIGHT": 4,
        "CROP_WIDTH": 6,
        "CROP_PAD": False,
        "BLUR": 0.0,
        "ZOOMS": [],
        "BATCH_IMAGES": 2,
    }
    return SimpleNamespace(
        SCALES=[list(pair) for pair in scales],
        network=SimpleNamespace(PIXEL_MEANS=MEANS),
        net=Config().net,
        TRAIN=SimpleNamespace(**{**settings, **train}),
    )


def both(batch):
    assert set(batch) == {"data", "label"}
    return batch["data"], batch["label"]


def numbers(batches, epoch=0):
    return [label[:, 0, 0].astype(int).tolist() for label in (batch["label"] for batch in batches.epoch(epoch))]


def test_values_are_rgb_minus_means_and_train_ids():
    ds = Memory()
    data, label = both(next(iter(Batches(ds, config()).epoch(0))))
    assert data.shape == (2, 3, 8, 12) and data.dtype == np.float32
    assert label.shape == (2, 8, 12) and label.dtype == np.float32
    expected = ds.images[1].astype(np.float64) - np.array([123.15, 115.90, 103.06])
    np.testing.assert_allclose(data[1].transpose(1, 2, 0), expected, atol=1e-4)
    assert (label[1] == 1).all()


def test_the_incomplete_batch_is_dropped():
    batches = Batches(Memory(5), config())
    assert len(batches) == 2 and numbers(batches) == [[0, 1], [2, 3]]
    assert len(Batches(Memory(5), config(FLIP=True))) == 5


def test_every_picture_comes_once_as_it_is_and_once_mirrored():
    ds = Memory(4)
    seen, cfg = [], config(FLIP=True, SHUFFLE=True)
    for data, label in map(both, Batches(ds, cfg, seed=3).epoch(1)):
        for tensor, truth in zip(data, label):
            plain = images.to_tensor(ds.images[int(truth[0, 0])], cfg)
            mirrored = bool((tensor == plain[..., ::-1]).all())
            assert mirrored or (tensor == plain).all()
            seen.append((int(truth[0, 0]), mirrored))
    assert sorted(seen) == [(i, m) for i in range(4) for m in (False, True)]


def test_an_epoch_depends_on_seed_and_epoch_only():
    cfg = config(FLIP=True, SHUFFLE=True, ENABLE_CROP=True)
    straight = Batches(Memory(6), cfg, seed=5)
    for epoch in (0, 1, 2):
        last = list(straight.epoch(epoch))
    resumed = list(Batches(Memory(6), cfg, seed=5).epoch(2))
    assert len(last) == len(resumed) == 6
    for (a, b), (c, d) in zip(map(both, last), map(both, resumed)):
        assert np.array_equal(a, c) and np.array_equal(b, d)
    assert straight.plan(0) != straight.plan(1)
    assert straight.plan(0) != Batches(Memory(6), cfg, seed=6).plan(0)


def test_crops_move_picture_and_truth_together_and_reach_every_place():
    ds = Memory(1, size=(6, 7))
    ys, xs = np.mgrid[:6, :7]
    ds.images[0][..., 0], ds.images[0][..., 1] = ys, xs
    ds.pair = lambda record: (ds.images[0], (ys * 2 + xs).astype(np.uint8))
    batches = Batches(ds, config(scales=[(6, 7)], ENABLE_CROP=True), batch=1)
    corners = set()
    for epoch in range(60):
        for data, label in map(both, batches.epoch(epoch)):
            assert data.shape == (1, 3, 4, 6)
            y, x = np.rint(data[0, 0] + 123.15), np.rint(data[0, 1] + 115.90)
            assert np.array_equal(label[0], y * 2 + x)
            corners.add((int(y[0, 0]), int(x[0, 0])))
    assert corners == {(y, x) for y in (0, 1, 2) for x in (0, 1)}


@pytest.mark.parametrize(
    ("size", "scales", "expected"),
    [
        ((1024, 2048), (1024, 2048), (1024, 2048)),
        ((1024, 2048), (512, 1024), (512, 1024)),
        ((375, 500), (360, 600), (360, 480)),
        ((300, 900), (360, 600), (200, 600)),
        ((900, 300), (360, 600), (600, 200)),
        ((1, 4000), (360, 600), (1, 600)),
    ],
)
def test_scales_bound_short_and_long_side(size, scales, expected):
    assert images.scaled_size(*size, [scales]) == expected


def test_pictures_are_resized_bilinearly_and_labels_to_the_nearest():
    ds = Memory(1, size=(4, 6))
    truth = np.zeros((4, 6), np.uint8)
    truth[:, 3:] = 18
    ds.pair = lambda record: (np.repeat(truth[..., None], 3, -1), truth)
    data, label = both(next(iter(Batches(ds, config(BATCH_IMAGES=1)).epoch(0))))
    assert data.shape == (1, 3, 8, 12) and set(np.unique(label)) == {0, 18}
    assert (label[0, :, :6] == 0).all() and (label[0, :, 6:] == 18).all()
    assert len(np.unique(data[0, 0])) > 2  # values between the two


def test_a_small_set_is_read_once():
    ds = Memory(3)
    batches = Batches(ds, config(), batch=3)
    for epoch in range(3):
        list(batches.epoch(epoch))
    assert ds.reads == 3


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: Batches(Memory(2), config(), batch=3), r"memory: 2 pictures .* make no batch of 3"),
        (lambda: Batches(Memory(2), config(), batch=0), r"batch: expected at least 1 picture, got 0"),
        (
            lambda: list(Batches(Memory(2), config(ENABLE_CROP=True, CROP_HEIGHT=9)).epoch(0)),
            r"picture0.png: 12 x 8 pixels under SCALES, smaller than TRAIN.CROP_WIDTH x CROP_HEIGHT = 6 x 9",
        ),
    ],
)
def test_what_does_not_fit_is_named(make, text):
    with pytest.raises(ValueError, match=text):
        make()


def test_pictures_of_different_sizes_in_one_batch_are_named():
    ds = Memory(2)
    ds.images[1] = ds.images[1][:, :10]
    with pytest.raises(DatasetError, match=r"picture1.png: 10 x 8 pixels, but others of its batch have 12 x 8"):
        list(Batches(ds, config()).epoch(0))


def test_parts_of_a_batch_make_the_batch():
    ds, cfg = Memory(6), config(FLIP=True, SHUFFLE=True)
    whole = list(Batches(ds, cfg, seed=1, batch=4).epoch(2))
    parts = [list(Batches(ds, cfg, seed=1, batch=4, part=(number, 2)).epoch(2)) for number in (0, 1)]
    assert len(whole) == len(parts[0]) == len(parts[1]) == 3
    for all_of_it, *halves in zip(whole, *parts):
        for together, *apart in zip(both(all_of_it), *map(both, halves)):
            assert len(apart[0]) == len(apart[1]) == 2
            np.testing.assert_array_equal(together, np.concatenate(apart))
    with pytest.raises(ValueError, match="a batch of 4 has no part 0 of 3 equal ones"):
        Batches(ds, cfg, batch=4, part=(0, 3))


def readers():
    return [thread for thread in threading.enumerate() if thread.name == "prefetch"]


def test_prefetch_keeps_order_and_ends_its_thread():
    assert list(prefetch(lambda: range(100))) == list(range(100))
    assert not readers()


def test_prefetch_raises_after_the_items_before_the_error():
    def broken():
        yield 1
        raise KeyError("the second")

    items = prefetch(broken)
    assert next(items) == 1
    with pytest.raises(KeyError, match="the second"):
        next(items)
    assert not readers()


def test_prefetch_runs_ahead_but_not_away_and_stops_when_closed():
    made = []

    def count():
        for i in range(1000):
            made.append(i)
            yield i

    items = prefetch(count, ahead=2)
    assert next(items) == 0
    time.sleep(0.3)
    assert 2 <= len(made) <= 4
    items.close()
    assert not readers()


@pytest.mark.parametrize("ending", ["", "raise SystemExit(3)", "1 / 0"])
def test_a_process_ends_at_once_with_a_reader_at_work(ending):
    code = (
        "import itertools\n"
        "from lib.data.prefetch import prefetch\n"
        "items = prefetch(itertools.count)\n"
        f"next(items)\n{ending}\n"
    )
    done = subprocess.run([sys.executable, "-c", code], timeout=60, capture_output=True, cwd=Path(__file__).parents[2])
    assert done.returncode == {"": 0, "raise SystemExit(3)": 3, "1 / 0": 1}[ending]
