# SPDX-License-Identifier: Apache-2.0
"""The evaluator: its numbers (by hand and against cityscapesScripts), its files, and its cache, which never lies."""

from __future__ import annotations

import logging
import types

import numpy as np
import pytest
from PIL import Image

from deeplab.evaluate import STAMP, Evaluator
from lib.data import labels
from lib.data.cityscapes import Cityscapes
from lib.data.images import DatasetError
from lib.metrics.iou import confusion_matrix, iou_per_class, present_classes


@pytest.fixture
def dataset(tmp_path):
    """Three small labelled pictures of two cities, with all 34 label ids but no train ids 4 and 17."""
    rng = np.random.default_rng(0)
    absent = (labels.LABEL_IDS[4], labels.LABEL_IDS[17])
    for number, city in enumerate(("ulm", "ulm", "bonn")):
        stem = f"{city}_{number:06d}_000019"
        label = rng.choice([i for i in range(34) if i not in absent], (24, 36)).astype(np.uint8)
        for folder, name, array in (
            ("leftImg8bit", "leftImg8bit", np.zeros((24, 36, 3), np.uint8)),
            ("gtFine", "gtFine_labelIds", label),
        ):
            path = tmp_path / folder / "val" / city / f"{stem}_{name}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(array).save(path)
    return Cityscapes(tmp_path, "leftImg8bit_val")


def imperfect(dataset, record, seed=0):
    """A prediction that is right in about half of the pixels and never says class 17."""
    rng, truth = np.random.default_rng(seed), dataset.truth(record)
    guess = rng.integers(0, 17, truth.shape).astype(np.uint8)
    return np.where((rng.random(truth.shape) < 0.5) & (truth != labels.IGNORE), truth, guess).astype(np.uint8)


def test_iou_by_hand():
    truth = np.array([0, 0, 0, 1, 1, 255], np.uint8)
    predicted = np.array([0, 0, 1, 1, 2, 0], np.uint8)
    confusion = confusion_matrix(truth, predicted, 4, 255)
    assert confusion.tolist() == [[2, 1, 0, 0], [0, 1, 1, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
    np.testing.assert_allclose(iou_per_class(confusion), [2 / 3, 1 / 3, 0, 0])
    assert present_classes(confusion).tolist() == [True, True, True, False]


@pytest.mark.parametrize(
    ("truth", "predicted", "text"),
    [
        ([[0, 0]], [0, 0], r"truth has shape \(1, 2\), the prediction \(2,\)"),
        ([0, 4], [0, 0], "truth has class 4, expected 0..3"),
        ([0, 0], [0, 9], "prediction has class 9, expected 0..3"),
    ],
)
def test_confusion_refuses_what_is_no_class(truth, predicted, text):
    with pytest.raises(ValueError, match=text):
        confusion_matrix(np.array(truth), np.array(predicted), 4, 255)


def test_report_of_a_perfect_prediction(dataset, tmp_path):
    evaluator = Evaluator(dataset, tmp_path / "results")
    for record in evaluator.pending():
        truth = dataset.truth(record)
        evaluator.add(record, np.where(truth == labels.IGNORE, 3, truth))
    report = evaluator.report()
    assert report["meanIU"] == pytest.approx(17 / 19)  # the two absent classes count 0, as in the original
    assert report["meanIU_present"] == 1.0
    assert report["lines"][:3] == ["evaluate segmentation:", "IU_array:", "1.00000"]
    assert len(report["lines"]) == 24
    assert report["lines"][2 + 4] == "0.00000"
    assert report["lines"][21:23] == ["meanIU:0.89474", "meanIU_present:1.00000 (mean of the 17 classes that occur)"]
    by_name = [f"{name}: {value}" for name, value in zip(labels.CLASS_NAMES, report["lines"][2:21])]
    assert report["lines"][23] == f"IU by class: {', '.join(by_name)}"
    assert ("fence: 0.00000" in by_name) and ("road: 1.00000" in by_name)


def test_results_are_paletted_pngs_of_train_ids_in_city_folders(dataset, tmp_path):
    evaluator = Evaluator(dataset, tmp_path / "results")
    record = dataset.records[0]
    prediction = imperfect(dataset, record)
    path = evaluator.add(record, prediction)
    assert path == tmp_path / "results" / "bonn" / "bonn_000002_000019_leftImg8bit.png"
    with Image.open(path) as image:
        assert image.mode == "P" and np.array_equal(np.array(image), prediction)
        assert np.array_equal(np.array(image.convert("RGB")), labels.PALETTE[prediction])
    assert [file.name for file in path.parent.iterdir()] == [path.name]  # nothing half-written left


def test_predictions_are_resized_to_the_truth_by_nearest(dataset, tmp_path):
    evaluator = Evaluator(dataset, tmp_path / "results")
    total = np.zeros((19, 19), np.int64)
    for record in dataset.records:
        small = imperfect(dataset, record)[::2, ::2]
        evaluator.add(record, small)
        total += confusion_matrix(dataset.truth(record), small.repeat(2, 0).repeat(2, 1), 19, 255)
    assert np.array_equal(evaluator.report()["confusion"], total)


def test_numbers_agree_with_cityscapesscripts(dataset, tmp_path):
    name = "cityscapesscripts.evaluation.evalPixelLevelSemanticLabeling"
    script = pytest.importorskip(name, reason="cityscapesscripts' evaluation does not import")
    evaluator = Evaluator(dataset, tmp_path / "results")
    predictions, truths = [], []
    for record in dataset.records:
        path = evaluator.add(record, imperfect(dataset, record))
        as_label_ids = np.array(labels.LABEL_IDS, np.uint8)[np.array(Image.open(path))]
        predictions.append(str(tmp_path / f"{record.name}_label_ids.png"))
        Image.fromarray(as_label_ids).save(predictions[-1])
        truths.append(str(record.label))
    quiet = {"quiet": True, "evalInstLevelScore": False, "JSONOutput": False}
    settings = types.SimpleNamespace(**{**vars(script.args), **quiet})
    theirs = script.evaluateImgLists(predictions, truths, settings)
    ours = evaluator.report()
    for k, label in enumerate(labels.CLASS_NAMES):
        score = theirs["classScores"][label]
        if np.isnan(score):
            assert k in (4, 17) and ours["confusion"][k].sum() == 0
        else:
            assert ours["IU_array"][k] == pytest.approx(score, abs=1e-12)
    assert ours["meanIU_present"] == pytest.approx(theirs["averageScoreClasses"], abs=1e-12)


def test_missing_and_broken_results_are_named(dataset, tmp_path):
    evaluator = Evaluator(dataset, tmp_path / "results")
    with pytest.raises(DatasetError, match="bonn_000002_000019_leftImg8bit.png: no such file"):
        evaluator.report()
    for record in dataset.records:
        path = evaluator.add(record, imperfect(dataset, record))
    Image.fromarray(np.full((24, 36), 77, np.uint8)).save(path)
    with pytest.raises(DatasetError, match=f"{path.name}: prediction has class 77"):
        evaluator.report()


@pytest.mark.parametrize(
    ("array", "text"),
    [
        (np.zeros((2, 2)), "expected integers"),
        (np.zeros((1, 2, 2), np.uint8), "expected integers"),
        (np.full((2, 2), 19), "expected train ids 0..18, got 19..19"),
        (np.full((2, 2), -1), "got -1..-1"),
        (np.zeros((0, 2), np.uint8), "got an empty array"),
    ],
)
def test_add_refuses_what_is_no_prediction(dataset, tmp_path, array, text):
    with pytest.raises(ValueError, match=f"bonn_000002_000019_leftImg8bit: .*{text}"):
        Evaluator(dataset, tmp_path / "results").add(dataset.records[0], array)


def test_labels_of_another_size_than_their_picture_are_no_truth(dataset, tmp_path):
    fill(dataset, tmp_path / "results", "weights")
    label = dataset.records[1].label
    Image.fromarray(np.zeros((12, 36), np.uint8)).save(label)
    with pytest.raises(DatasetError, match=rf"{label.name}: 36 x 12 pixels .* has 36 x 24"):
        Evaluator(dataset, tmp_path / "results").report()


def test_pictures_without_a_class_are_no_measure(dataset, tmp_path):
    fill(dataset, tmp_path / "results", "weights")
    for record in dataset.records:
        Image.fromarray(np.zeros((24, 36), np.uint8)).save(record.label)  # unlabelled, as on Cityscapes' test set
    with pytest.raises(DatasetError, match="3 pictures of leftImg8bit_val without a pixel that has one"):
        Evaluator(dataset, tmp_path / "results").report()


def fill(dataset, folder, made_by, count=3):
    evaluator = Evaluator(dataset, folder, made_by)
    for record in evaluator.pending()[:count]:
        evaluator.add(record, imperfect(dataset, record))


def test_cached_results_are_used_and_the_log_says_so(dataset, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    fill(dataset, tmp_path, "epoch 6", count=2)
    assert not caplog.records
    assert Evaluator(dataset, tmp_path, "epoch 6").pending() == dataset.records[2:]
    assert "using 2 of 3 results cached in" in caplog.text and "epoch 6; --ignore_cache" in caplog.text


def test_results_of_other_weights_are_discarded_and_the_log_says_so(dataset, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    fill(dataset, tmp_path, "epoch 6")
    evaluator = Evaluator(dataset, tmp_path, "epoch 7")
    assert evaluator.pending() == dataset.records
    assert "discarded 3 cached results" in caplog.text and "made by epoch 6, not epoch 7" in caplog.text
    assert not evaluator.path(dataset.records[0]).exists()


def test_results_of_other_pictures_with_the_same_names_are_discarded(dataset, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    fill(dataset, tmp_path, "epoch 6")
    with open(dataset.records[1].image, "ab") as file:
        file.write(b"more")
    assert Evaluator(dataset, tmp_path, "epoch 6").pending() == dataset.records
    assert "discarded 3 cached results" in caplog.text and "made from other pictures" in caplog.text


@pytest.mark.parametrize("stamp", [None, "not json", "[]"])
def test_results_of_unknown_origin_are_discarded(dataset, tmp_path, caplog, stamp):
    caplog.set_level(logging.INFO)
    fill(dataset, tmp_path, "epoch 6")
    (tmp_path / STAMP).unlink() if stamp is None else (tmp_path / STAMP).write_text(stamp)
    assert Evaluator(dataset, tmp_path, "epoch 6").pending() == dataset.records
    assert "does not say which weights" in caplog.text


def test_ignore_cache_predicts_everything_again(dataset, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    fill(dataset, tmp_path, "epoch 6")
    assert Evaluator(dataset, tmp_path, "epoch 6").pending(ignore_cache=True) == dataset.records
    assert "discarded 3 cached results" in caplog.text and "--ignore_cache" in caplog.text
