# SPDX-License-Identifier: Apache-2.0
"""What classifiers are trained on: pictures, batches, what is measured of them."""

from __future__ import annotations

import numpy as np
import pytest
from configured import config

from classify.batches import Batches, to_tensors
from classify.data import load_dataset, picture_size
from classify.task import measure
from lib.data import cifar
from lib.data.labelled import Labelled
from lib.data.picture_file import DatasetError
from lib.metrics.shares import share_by_bin, share_by_class


def small(tmp_path, *more):
    paths = [f"dataset.dataset_path={tmp_path}/digits", f"dataset.zoom.path={tmp_path}/zoomed"]
    counts = ["dataset.generated.train=20", "dataset.generated.test=6", "TRAIN.BATCH_IMAGES=4"]
    return config("quick_digits", *paths, *counts, *more)


def test_drawn_digits_are_made_when_they_are_needed(tmp_path):
    cfg = small(tmp_path, "dataset.train_images=8")
    train, test = load_dataset(cfg, "train"), load_dataset(cfg, "test")
    assert (len(train), len(test), picture_size(cfg)) == (8, 6, (1, 28, 28))
    assert train.image(3).shape == (28, 28, 3) and len(train.records) == 8
    with pytest.raises(DatasetError, match="dataset.NUM_CLASSES: digits has 10 classes, got 9"):
        load_dataset(small(tmp_path, "dataset.NUM_CLASSES=9"), "train")


def test_train_and_test_have_scales_of_their_own(tmp_path):
    cfg = small(tmp_path, "dataset.zoom.train=[0.8,1.2]", "dataset.zoom.test=[0.5,1.6]")
    train, test = load_dataset(cfg, "train"), load_dataset(cfg, "test")
    assert train.images.shape[1:] == (56, 56) == picture_size(cfg)[1:]
    assert 0.8 <= train.zoom.min() and train.zoom.max() <= 1.2 and np.ptp(test.zoom) > 0.4
    assert len(list((tmp_path / "zoomed").iterdir())) == 2


def test_an_epoch_takes_each_picture_once_and_depends_on_its_number_alone(tmp_path):
    cfg = small(tmp_path)
    data = load_dataset(cfg, "train")
    batches = Batches(data, cfg, 4)
    epochs = [list(batches.epoch(number)) for number in (0, 1, 0)]
    assert len(batches) == 5 and [each["data"].shape for each in epochs[0]] == [(4, 1, 28, 28)] * 5
    for one, again in zip(epochs[0], epochs[2]):
        assert all((one[name] == again[name]).all() for name in one)
    assert not all((one["data"] == other["data"]).all() for one, other in zip(epochs[0], epochs[1]))
    taken = np.concatenate([each["data"] for each in epochs[1]]).sum((1, 2, 3))
    assert np.allclose(sorted(taken), sorted(to_tensors(data.images, cfg).sum((1, 2, 3))), rtol=1e-4)
    first, second = (list(Batches(data, cfg, 4, (k, 2)).epoch(0)) for k in (0, 1))
    whole = [np.concatenate([a["label"], b["label"]]) for a, b in zip(first, second)]
    assert all((a == b["label"]).all() for a, b in zip(whole, epochs[0]))


def test_pictures_are_mirrored_and_moved_at_random(tmp_path):
    images = np.zeros((64, 5, 7), np.uint8)
    images[:, 2, 1] = 200
    cfg = small(tmp_path, "TRAIN.MIRROR=true", "TRAIN.SHIFT=1", "network.PIXEL_MEANS=[0]", "net.pixel_stds=[200]")
    data = Labelled(images, np.zeros(64, np.int64), ("a",), "here")
    (batch,) = Batches(data, cfg, 64).epoch(0)
    places = np.argwhere(batch["data"][:, 0] == 1)[:, 1:]
    assert len(places) == 64 and (batch["data"].sum((1, 2, 3)) == 1).all()
    expected = {(y, x + by) for y in (1, 2, 3) for x in (1, 5) for by in (-1, 0, 1)}
    assert {tuple(each) for each in places.tolist()} == expected
    still = Batches(data, small(tmp_path), 64).epoch(0)
    assert (next(iter(still))["data"] == to_tensors(images, small(tmp_path))).all()


def test_colours_have_means_of_their_own(tmp_path):
    cfg = config("cifar/plain_c", "network.PIXEL_MEANS=[1,2,3]", "net.pixel_stds=[1,2,4]")
    images = np.zeros((1, 32, 32, 3), np.uint8) + np.array([11, 22, 33], np.uint8)
    assert to_tensors(images, cfg)[0, :, 4, 4].tolist() == [(11 - 3) / 4, (22 - 2) / 2, 33 - 1]
    cfg.net.pixel_order = "BGR"
    assert to_tensors(images, cfg)[0, :, 4, 4].tolist() == [33 - 1, (22 - 2) / 2, (11 - 3) / 4]
    cifar.write_standin(tmp_path, train=10, test=3)
    cfg.dataset.dataset_path = str(tmp_path)
    assert len(load_dataset(cfg, "test")) == 3 and picture_size(cfg) == (3, 32, 32)


def test_too_few_pictures_make_no_batch(tmp_path):
    cfg = small(tmp_path)
    with pytest.raises(DatasetError, match="20 pictures make no batch of 21"):
        Batches(load_dataset(cfg, "train"), cfg, 21)
    with pytest.raises(ValueError, match="a batch of 20 has no part 1 of 3"):
        Batches(load_dataset(cfg, "train"), cfg, 20, (1, 3))


def test_a_picture_is_not_moved_out_of_itself(tmp_path):
    data = load_dataset(small(tmp_path), "train")
    assert len(Batches(data, small(tmp_path, "TRAIN.SHIFT=27"), 4)) == 5
    with pytest.raises(DatasetError, match="TRAIN.SHIFT: expected less than a side of .*, 28 pixels, got 28"):
        Batches(data, small(tmp_path, "TRAIN.SHIFT=28"), 4)


def test_cross_entropy_and_accuracy_are_sums():
    probability = np.array([[0.5, 0.25, 0.25], [0.1, 0.1, 0.8]], np.float32)
    found = measure({"softmax_output": probability}, {"label": np.array([1.0, 2.0])})
    assert found["Accuracy"] == (1.0, 2.0) and list(found) == ["LogLoss", "Accuracy"]
    assert found["LogLoss"][0] == pytest.approx(-np.log(0.25) - np.log(0.8), rel=1e-6) and found["LogLoss"][1] == 2


def test_shares_of_groups():
    right = np.array([True, False, True, True])
    assert share_by_class(right, np.array([0, 0, 2, 2]), "abc") == {"a": 0.5, "c": 1.0}
    values = np.array([0.5, 0.74, 0.75, 1.0])
    assert share_by_bin(right, values, [0.5, 0.75, 1.0]) == {"0.50-0.75": 0.5, "0.75-1.00": 1.0}
    assert share_by_bin(right, values, [0.6, 0.7, 0.8]) == {"0.70-0.80": 0.5}  # 0.74 wrong, 0.75 right
    narrow = share_by_bin(right, np.array([1, 1.002, 1.004, 1.006]), np.linspace(1, 1.006, 4))  # none hides another
    assert narrow == {"1.000-1.002": 1.0, "1.002-1.004": 0.0, "1.004-1.006": 1.0}
    assert share_by_bin(right, np.ones(4), np.linspace(1, 1, 4)) == {"1.00-1.00": 0.75}
