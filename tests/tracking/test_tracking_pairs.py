# SPDX-License-Identifier: Apache-2.0
"""What trackers are trained on: pairs of pictures and what their anchors learn."""

from __future__ import annotations

import numpy as np
import pytest
from tracker_configs import config, small

from lib.boxes import geometry
from lib.boxes.template import PairRule, to_corner
from lib.config import ConfigError
from lib.data.picture_file import DatasetError
from tracking.anchors import anchors_of, rule_of
from tracking.batches import Batches, frames_apart
from tracking.data import load_sequences, part_of


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    place = tmp_path_factory.mktemp("pairs")
    load_sequences(small(place), "train")
    return place


def batches(films, *more, part=(0, 1), batch=4):
    cfg = small(films, *more)
    return Batches(load_sequences(cfg, "train"), cfg, batch, part)


def test_a_batch_has_pictures_and_what_their_anchors_learn(films):
    made = batches(films)
    first, second = made.epoch(0)
    assert len(made) == 2 and {name: each.shape for name, each in first.items()} == {
        "template": (4, 3, 64, 64), "search": (4, 3, 128, 128), "label": (4, 405), "delta": (4, 405, 4)
    }  # fmt: skip
    assert set(np.unique(first["label"])) == {-1, 0, 1} and (first["label"] == 0).sum(1).max() <= 48
    anchors = anchors_of(small(films), 128)
    for number in range(4):
        box = made.pair(0, number).box
        chosen = first["label"][number] == 1
        boxes = to_corner(geometry.decode(anchors[chosen], first["delta"][number][chosen]))
        assert len(boxes) and np.allclose(boxes, box, atol=1e-3)
    assert not (first["search"] == second["search"]).all()


def test_pairs_depend_on_seed_epoch_and_number_alone(films):
    one, again, other = (list(batches(films).epoch(epoch)) for epoch in (1, 1, 2))
    assert all((a[name] == b[name]).all() for a, b in zip(one, again) for name in a)
    assert not (one[0]["template"] == other[0]["template"]).all()
    halves = [list(batches(films, part=(k, 2)).epoch(1)) for k in (0, 1)]
    for whole, first, second in zip(one, *halves):
        assert (whole["search"] == np.concatenate([first["search"], second["search"]])).all()


def test_the_target_stands_where_its_box_says(films):
    """Without shifts it is in the middle of the search picture, as large as in the template; with them it moves."""
    still = batches(films, "TRAIN.SHIFT=0", "TRAIN.SCALE=0")
    for number in range(8):
        x, y, width, height = still.pair(0, number).box
        assert (x + (width - 1) / 2, y + (height - 1) / 2) == pytest.approx((63.5, 63.5))
        assert np.sqrt((1.5 * width + height / 2) * (1.5 * height + width / 2)) == pytest.approx(64)
    moved = [batches(films).pair(0, number).box for number in range(8)]
    middles = np.array([(x + width / 2 - 64, y + height / 2 - 64) for x, y, width, height in moved])
    assert 5 < np.abs(middles).max() <= 20.5


def test_the_originals_search_picture_is_around_the_template(films):
    one = batches(films, "TRAIN.SHIFT=0", "TRAIN.SCALE=0", "TRAIN.AROUND=template", "TRAIN.MIRROR=false")
    off = [np.abs(one.pair(0, n).box[:2] + one.pair(0, n).box[2:] / 2 - 64).max() for n in range(8)]
    assert max(off) > 5


def test_a_pair_is_mirrored_as_a_whole(films):
    plain, mirrored = (batches(films, f"TRAIN.MIRROR={flag}") for flag in ("false", "true"))
    kinds = set()
    for number in range(8):
        one, other = plain.pair(0, number), mirrored.pair(0, number)
        kinds.add(same := bool((one.search == other.search).all()))
        expected = one.box[0] if same else 128 - one.box[0] - one.box[2]
        assert same or (one.template[:, ::-1] == other.template).all()
        assert other.box[0] == pytest.approx(expected) and (one.box[1:] == other.box[1:]).all()
    assert kinds == {True, False}


def test_frames_are_two_and_not_too_far_apart():
    random = np.random.default_rng(0)
    drawn = {frames_apart(random, 5, 2) for _ in range(500)}
    assert drawn == {(a, b) for a in range(5) for b in range(5) if a != b and abs(a - b) <= 2}
    assert {frames_apart(random, 2, 80) for _ in range(20)} == {(0, 1), (1, 0)}


def test_the_originals_numbers_can_be_had():
    """Its anchors reach far beyond the search picture's middle, where the network never looks: 15 apart, not 8."""
    original, ours = config("vot2013/alexnet_original"), config("vot2013/alexnet")
    middles = [(each[:, :2] + each[:, 2:]) / 2 for each in (anchors_of(original, 256), anchors_of(ours, 255))]
    assert [each.shape for each in middles] == [(1445, 2)] * 2
    np.testing.assert_allclose([[each.min(), each.max()] for each in middles], [[7, 247], [63, 191]])
    assert rule_of(original) == PairRule(0.5, 0.1, 64, 16, best=30) and rule_of(ours) == PairRule()
    assert (original.net.init, original.TRAIN.AROUND, original.TRAIN.BATCH_IMAGES) == ("uniform", "template", 1)


def test_too_little_is_told(films):
    with pytest.raises(DatasetError, match="TRAIN.PAIRS: 8 make no batch of 9"):
        batches(films, batch=9)
    with pytest.raises(ValueError, match="a batch of 4 has no part 1 of 3"):
        batches(films, part=(1, 3))
    with pytest.raises(DatasetError, match="no sequence: a pair needs two frames"):
        Batches([], small(films), 4)


def test_parts_of_results(films):
    cfg = small(films)
    assert part_of(cfg, "growing_004") == "growing"
    cfg.dataset.dataset = "vot"
    assert part_of(cfg, "fish_1") == "fish_1"


@pytest.mark.parametrize(
    "setting, text",
    [
        ("engine=mxnet", "engine.*torch modules"),
        ("symbol=siamese_vgg", "symbol: expected one of"),
        ("net.deform=some", "net.deform"),
        ("net.search=32", "net.search: expected at least net.template, 64, got 32"),
        ("net.kernel_init=foo", "net.kernel_init: unknown initial value 'foo'; known: bilinear, half"),
        ("net.extra_init=msra2", "net.extra_init: unknown initial value 'msra2'"),
        ("net.extra_init=normal(-1)", "net.extra_init: expected a finite number from 0 on in 'normal\\(-1\\)'"),
        ("net.kernel_init=msra(1e999)", "net.kernel_init: expected a finite number"),
        ("TRAIN.SHIFT=64", "TRAIN.SHIFT: expected less than half of net.search, 128, .*got 64"),
        ("TRAIN.SCALE=30", "TRAIN.SCALE: expected at most 2.0"),
        ("net.anchor_side=129", "net.anchor_side: expected at most net.search, 128, got 129"),
        ("net.anchor_first=-0.5", "net.anchor_first: expected -1 or a number from 0 on, got -0.5"),
        ("net.crop=3", "net.template: 64 pixels leave 2 cells, 3 are needed"),
        ("net.anchor_ratios=[]", "net.anchor_ratios: expected numbers above 0"),
        ("net.positive=0.1", "net.positive: expected net.negative <= it"),
        ("net.anchors_positive=65", "net.anchors_positive: 65 of net.anchors_counted, 64"),
        ("TEST.EAO=[3]", "TEST.EAO: expected two lengths"),
        ("TEST.RATE=2", "TEST.WINDOW, TEST.RATE"),
    ],
)
def test_wrong_settings_of_trackers_are_named(setting, text):
    with pytest.raises(ConfigError, match=text):
        config("quick_tracker", setting)


def test_the_one_list_of_the_benchmark_is_told():
    with pytest.raises(DatasetError, match="image set 'val': OTB has one list, 'all'"):
        load_sequences(config("quick_tracker", "dataset.dataset=otb"), "val")
