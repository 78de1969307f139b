# SPDX-License-Identifier: Apache-2.0
"""A run from its training to its pictures."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image
from small_detection import LOG, SMALL, WITH_FILTERS, config_in, train_small

from detection import bins as bins_of
from detection.batches import network_inputs
from detection.bins import pooled_bins, shown_detection
from detection.looker import load_box, look_for_box, save_box
from detection.pictures import box_panels
from detection.predictor import Detections
from detection.system import SYSTEM
from lib.commands import inspect
from lib.predictors import predictor
from lib.run import folder


def test_a_run_is_tested_drawn_and_looked_at(tmp_path):
    train_small("rfcn", tmp_path, "TRAIN.end_epoch=1")
    cfg = config_in("rfcn", tmp_path, "TRAIN.end_epoch=1")
    for zero in (False, True):
        made, out = predictor(SYSTEM, cfg, zero_offsets=zero), folder.results_path(cfg, zero)
        numbers = SYSTEM.evaluate(cfg, made, out.with_suffix(""), False, LOG)
        assert 0 <= numbers["value"] <= 1 and numbers["images"] == 2
        folder.write_results(out, numbers, made, zero, {})
    assert Image.open(SYSTEM.summary(cfg)).width > 1000
    check_kept_box(cfg, tmp_path)
    image = SYSTEM.dataset(cfg).image(SYSTEM.dataset(cfg).records[0])
    assert SYSTEM.draw(cfg, made, image).size == (96 * 7, 64 * 7)  # enlarged, so that texts can be read
    look = SYSTEM.looker(cfg, made).look(image, "one")
    assert [(layer.name, layer.kind) for layer in look.layers] == [
        ("res5a_branch2a", "deformable"), ("res5a_branch2b", "deformable")
    ]  # fmt: skip
    bins = pooled_bins(cfg, made, image, [8, 20, 40, 50], 2)
    assert list(bins) == ["psroipooled_cls_rois", "psroipooled_loc_rois"]
    for still, moved in bins.values():
        assert still.shape == (3, 3, 4) and np.array_equal(still, moved)  # of the predictor without offsets
    inside = made.detections([image])[0].boxes[0].reshape(2, 2).mean(0)[::-1]
    figures = SYSTEM.more_figures(cfg, made, image, tuple(inside))
    assert [len(figure.axes) for figure in figures.values()] == [2] and list(figures) == ["bins.png"]
    assert look.boxes == []  # nothing is sure after one epoch
    found = made.detections([image])[0]
    found = Detections(found.boxes[:2], np.array([0.6, 0.7]), np.array([2, 5]))
    layers = bins_of.poolings(made.engine.network.graph)
    seen, scale, inputs = network_inputs(cfg, image)
    arrays = made.engine.compute(inputs, bins_of.pooling_outputs(layers))
    boxes = bins_of.moved_boxes(cfg, layers, arrays, found, scale)
    assert [each.name for each in boxes] == ["motorcycle 0.70", "truck 0.60"]
    for each, number in zip(boxes, (1, 0)):
        alone = pooled_bins(cfg, made, image, found.boxes[number], found.classes[number])
        assert np.array_equal(each.box, found.boxes[number] * scale)
        assert all(np.array_equal(each.bins[name], alone[name]) for name in alone)
    assert look.prediction.shape == look.image.shape[:2] == (64, 96)


@pytest.mark.parametrize("settings, filters", [(["symbol=resnet_v1_101_rfcn"], []), (WITH_FILTERS, ["lsdfn"])])
def test_a_network_without_offsets_is_looked_at(tmp_path, capsys, settings, filters):
    train_small("rfcn", tmp_path, "TRAIN.end_epoch=1", *settings)
    cfg = config_in("rfcn", tmp_path, "TRAIN.end_epoch=1", *settings)
    made, data = predictor(SYSTEM, cfg), SYSTEM.dataset(cfg)
    look = SYSTEM.looker(cfg, made).look(data.image(data.records[0]), "one")
    assert look.layers == [] and look.boxes == [] and [each.layer.name for each in look.filters] == filters
    told = ["quick_rfcn", str(data.records[0].image), *SMALL, *settings, f"output_path={tmp_path}/out",
            f"dataset.dataset_path={tmp_path}/streets", "--out", str(tmp_path / "seen")]  # fmt: skip
    for name in filters:
        assert inspect.main([*told, "--layer", name]) == 0
        assert (tmp_path / "seen" / f"windows_{name}.png").is_file()
    assert inspect.main([*told, "--layer", "none"]) == 1
    assert f"has {', '.join(filters) or 'no such layers'}" in capsys.readouterr().err


def check_kept_box(cfg, place):
    """Of a box that is sure enough, what is kept is what is looked at."""
    made, data = predictor(SYSTEM, cfg), SYSTEM.dataset(cfg)
    sure = Detections(np.array([[8.0, 20, 40, 50]]), np.array([0.9]), np.array([2]))
    found = [Detections(sure.boxes, np.array([0.1]), sure.classes), sure]
    assert look_for_box(cfg, made, data, [0], found) is None
    chosen = look_for_box(cfg, made, data, [0, 1], found)
    save_box(place, chosen)
    again = load_box(place)
    assert again.name == f"{data.class_names[2]} 0.90" and again.pixel == (35, 24)
    assert [layer.name for layer in again.look.layers] == ["res5a_branch2a", "res5a_branch2b"]
    expected = pooled_bins(cfg, made, data.image(data.records[1]), sure.boxes[0], 2)
    assert again.bins.keys() == expected.keys()
    assert all(np.array_equal(again.bins[name], expected[name]) for name in expected)
    figure = Figure()
    drawings = box_panels(again, layers=3)
    for axis, draw in zip(figure.subplots(1, len(drawings)), drawings, strict=True):
        draw(axis)
    assert [axis.get_title() for axis in figure.axes] == [
        f"{again.name}: res5a_branch2a reads here", f"{again.name}: res5a_branch2b reads here",
        figure.axes[2].get_title(), *(f"{again.name}: {name}" for name in expected),
    ]  # fmt: skip
    save_box(place, None)
    assert load_box(place) is None


def test_the_largest_detection_that_is_sure_enough_is_shown():
    boxes = np.array([[0, 0, 50, 50], [0, 0, 20, 20], [0, 0, 30, 10]], float)
    found = Detections(boxes, np.array([0.4, 0.6, 0.5]), np.array([1, 1, 2]))
    assert shown_detection(found, 0.5) == 1 and shown_detection(found, 0.3) == 0
    assert shown_detection(found, 0.7) is None
    assert shown_detection(Detections(np.zeros((0, 4)), np.zeros(0), np.zeros(0, int)), 0.5) is None
