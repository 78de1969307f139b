# SPDX-License-Identifier: Apache-2.0
"""Boxes that come from a file, not from the network."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from small_detection import LOG, Drawn, config_in, losses, small, train_small

from detection import propose
from detection.batches import UNKNOWN_PICTURE, Batches
from detection.proposals import as_input, read_proposals
from detection.schema import load
from detection.system import SYSTEM
from lib.config import ConfigError
from lib.data.images import DatasetError
from lib.predictors import parameters_of, predictor
from lib.system import find_config


def with_file(tmp_path, **arrays):
    """A small network whose boxes are those of a file with these arrays, and the pictures 0 and 1 of noise."""
    np.savez(tmp_path / "boxes.npz", **arrays)
    cfg = small("rfcn")
    cfg.dataset.proposal = str(tmp_path / "boxes.npz")
    return cfg, Drawn()


GOOD = np.array([[0, 0, 20, 30], [5, 5, 95, 63]], np.float32)


@pytest.mark.parametrize(
    "second, told",
    [
        (None, "no boxes of 1 of 2 pictures, the first is 1"),
        (np.zeros((0, 4)), "1: no box"),
        (GOOD[:, :3], r"1: expected numbers \(n, 4\) or \(n, 5\), got float32 \(2, 3\)"),
        (GOOD[0], r"expected numbers \(n, 4\)"),
        (GOOD.astype(str), "expected numbers"),
        ([[0, 0, 9, 9], [9, 0, 0, 9]], r"1: row 1 is no box: \[9, 0, 0, 9\]"),
        ([[0, 0, np.nan, 9]], "row 0 is no box"),
        (GOOD, r"row 1 reaches out of the picture, 64 x 96 pixels: \[5.0, 5.0, 95.0, 63.0\]"),
        ([[-2, 0, 9, 9]], "row 0 reaches out of the picture"),
    ],
)
def test_a_file_that_does_not_fit_is_told(tmp_path, second, told):
    arrays = {"0": GOOD} if second is None else {"0": GOOD, "1": np.array(second)}
    cfg, data = with_file(tmp_path, **arrays)
    with pytest.raises(DatasetError, match=f"boxes.npz: {told}|boxes.npz: 1: {told}"):
        read_proposals(cfg, data.records)


def test_a_missing_or_damaged_file_is_told(tmp_path):
    cfg, data = with_file(tmp_path)
    (tmp_path / "boxes.npz").write_bytes(b"no zip")
    with pytest.raises(DatasetError, match="boxes.npz: damaged .*python -m detection.propose writes such a file"):
        read_proposals(cfg, data.records)
    (tmp_path / "boxes.npz").unlink()
    with pytest.raises(DatasetError, match="dataset.proposal: .*boxes.npz cannot be read .*detection.propose"):
        read_proposals(cfg, data.records)


def test_two_pictures_of_one_name_are_told(trained, tmp_path, capsys):
    """Streets in COCO's format count from 1 in each set: the boxes of one would stand for the other's."""
    place, cfg, _ = trained
    words = [f"dataset.dataset_path={place}/streets", f"output_path={place}/out", *_settings(cfg)]
    words += ["dataset.dataset=coco", "dataset.image_set=train", "dataset.test_image_set=val"]
    given = ["--params", str(parameters_of(cfg)[0]), *words]
    assert propose.main(["quick_rfcn", str(tmp_path / "a.npz"), *given]) == 1
    assert "train_000000.png and" in (told := capsys.readouterr().err) and "are both called 1;" in told
    assert propose.main(["quick_rfcn", str(tmp_path / "a.npz"), "--sets", "train", *given]) == 0
    assert list(np.load(tmp_path / "a.npz")) == ["1", "2", "3"]
    (tmp_path / "folder.npz").mkdir()
    for name in (tmp_path / "folder.npz", "/proc/a.npz"):
        assert propose.main(["quick_rfcn", str(name), "--sets", "none", *given]) == 1
        assert str(name) in capsys.readouterr().err  # not that there is no such set, which is read later
    joined, data = with_file(tmp_path, **{"0": GOOD, "1": GOOD[:1]})
    records = [replace(each, image=tmp_path / year / "0.png", name="0") for each, year in zip(data.records, "ab")]
    with pytest.raises(DatasetError, match=r"a/0.png and .*b/0.png are both called 0"):
        read_proposals(joined, records)


def test_scores_put_boxes_in_order(tmp_path):
    rows = np.concatenate([GOOD, [[0.2], [0.7]]], axis=1)
    cfg, data = with_file(tmp_path, **{"0": rows})
    assert np.array_equal(read_proposals(cfg, data.records[:1])["0"], GOOD[::-1])


def test_rows_of_the_input_go_round_are_scaled_and_mirrored():
    boxes = np.array([[0, 0, 9, 9], [10, 20, 30, 40.0]])
    made = as_input(boxes, 0.5, (32, 48), False, 3, 3)
    assert made.dtype == np.float32
    assert made.tolist() == [[3, 0, 0, 4.5, 4.5], [3, 5, 10, 15, 20], [3, 0, 0, 4.5, 4.5]]
    assert as_input(boxes, 0.5, (32, 48), True, 0, 1).tolist() == [[0, 47 - 4.5, 0, 47, 4.5]]


def test_a_mirrored_picture_has_mirrored_proposals_beside_its_objects(tmp_path):
    """Where the file holds the objects themselves, the input's boxes are those of gt_boxes, mirrored or not."""
    data = Drawn()
    cfg, _ = with_file(tmp_path, **{each.name: each.objects.boxes for each in data.records})
    cfg.TRAIN.FLIP = True
    batches = Batches(data, cfg, seed=1, batch=2)
    mirrored = [sample.mirrored for batch in batches.plan(0) for sample in batch]
    assert any(mirrored) and not all(mirrored)
    for batch in batches.epoch(0):
        assert "label" not in batch and "im_info" not in batch and batch["proposals"].shape == (2, 12, 5)
        for number, (rows, truth) in enumerate(zip(batch["proposals"], batch["gt_boxes"])):
            own = truth[truth[:, 4] > 0, :4]
            assert (rows[:, 0] == number).all() and np.array_equal(rows[: len(own), 1:], own)


@pytest.mark.parametrize(
    "name, value, told",
    [("rfcn", "selective_search", "expected rpn, or a file FILE.npz"), ("rpn", "a.npz", "judges no proposals")],
)
def test_what_proposal_may_say(name, value, told):
    with pytest.raises(ConfigError, match=f"dataset.proposal: .*{told}"):
        load(find_config(f"quick_{name}"), [f"dataset.proposal={value}"])


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder in which a small R-FCN was trained, its configuration, and the file of all that it proposes."""
    place = tmp_path_factory.mktemp("own")
    more = ["TRAIN.end_epoch=1", "TEST.RPN_POST_NMS_TOP_N=12"]
    train_small("rfcn", place, *more)
    cfg, file = config_in("rfcn", place, *more), place / "boxes.npz"
    words = [f"dataset.dataset_path={place}/streets", f"output_path={place}/out", *_settings(cfg)]
    assert propose.main(["quick_rfcn", str(file), "--params", str(parameters_of(cfg)[0]), *words]) == 0
    return place, cfg, file


def _settings(cfg) -> list[str]:
    """Those of `small_detection.SMALL` that shape the network, and what it proposes."""
    keys = ("net.width", "net.head_channels", "net.rpn_channels", "net.bins", "TEST.RPN_POST_NMS_TOP_N")
    return [f"SCALES={cfg.SCALES[0]}", *(f"{key}={getattr(getattr(cfg, key[: key.index('.')]), key.split('.')[1])}"
                                         for key in keys)]  # fmt: skip


def test_a_file_of_its_own_proposals_gives_the_same_detections(trained):
    place, cfg, file = trained
    data = SYSTEM.dataset(cfg)
    pictures = [data.image(record) for record in data.records]
    own = predictor(SYSTEM, cfg).detections(pictures)
    given = config_in("rfcn", place, f"dataset.proposal={file}", "TEST.RPN_POST_NMS_TOP_N=12")
    boxes = read_proposals(given, data.records)
    other = predictor(SYSTEM, given, file=parameters_of(cfg)[0])
    found = other.detections(pictures, list(boxes.values()))
    assert sum(len(each.scores) for each in own) > 20
    for one, two in zip(own, found):
        assert np.array_equal(one.classes, two.classes)
        assert np.allclose(one.boxes, two.boxes, atol=1e-3) and np.allclose(one.scores, two.scores, atol=1e-5)
    with pytest.raises(ValueError, match=UNKNOWN_PICTURE):
        other.detections(pictures)
    with pytest.raises(ValueError, match=UNKNOWN_PICTURE):
        SYSTEM.looker(given, other).look(pictures[0], "one")


def test_both_engines_train_on_a_file_and_nothing_proposes(trained):
    place, _, file = trained
    more = [f"dataset.proposal={file}", "run.precision=float64", "TRAIN.end_epoch=3"]
    made = {each: train_small("rfcn", place / each, *more, f"engine={each}") for each in ("mxnet", "torch")}
    first, second = (np.array(losses(lines)) for lines in made.values())
    assert len(first) == 9 and np.abs(first - second).max() < 1e-9
    line = made["mxnet"][0]
    assert "RPNLogLoss" not in line and line["loss"] == line["RCNNLogLoss"] + line["RCNNL1Loss"]


def test_a_class_aware_rpn_proposes(tmp_path):
    train_small("rpn", tmp_path, "TRAIN.end_epoch=1")
    cfg = config_in("rpn", tmp_path, "TEST.RPN_POST_NMS_TOP_N=5")
    made, data = predictor(SYSTEM, cfg), SYSTEM.dataset(cfg)
    rows = propose.proposed(cfg, made, data.image(data.records[0]))
    assert rows.shape == (5, 5) and (np.diff(rows[:, 4]) <= 0).all()
    assert (rows[:, :2] >= 0).all() and (rows[:, 2] <= 95).all() and (rows[:, 3] <= 63).all()


def test_a_run_on_a_file_is_tested(trained):
    place, _, file = trained
    more = [f"dataset.proposal={file}", "TRAIN.end_epoch=1", f"output_path={place}/fixed"]
    train_small("rfcn", place, *more)
    cfg = config_in("rfcn", place, *more)
    made = predictor(SYSTEM, cfg)
    numbers = SYSTEM.evaluate(cfg, made, place / "results", False, LOG)
    assert numbers["images"] == 2 and (place / "results" / "detections.npz").is_file()
    before = SYSTEM.check_data(cfg, 1).findings
    np.savez(place / "none.npz")
    cfg.dataset.proposal = str(place / "none.npz")
    more = [each for each in SYSTEM.check_data(cfg, 1).findings if each not in before]
    assert [(each.fault, each.where) for each in more] == [
        ("proposals do not fit", name) for name in ("2012_train", "2012_val")
    ]
