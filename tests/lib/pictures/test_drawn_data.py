# SPDX-License-Identifier: Apache-2.0
"""What is drawn, as numbers: tables, trails, histograms, curves, norms, the report's offsets."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import numpy as np
import pytest
from looks_made import layer, look
from matplotlib.figure import Figure
from PIL import Image

from lib.looking import look as looks
from lib.pictures import histogram, loss, report, sampling, taps, weight

REPORT = Path(__file__).parents[3] / "experiments" / "deeplab" / "published_offsets.json"
ORIGINALS_LOG = """2017-07-20 09:05:33,012 Epoch[0] Batch [10]	Speed: 3.18 samples/sec	Train-FCNLogLoss=1.500000,	
2017-07-20 09:05:43,012 Epoch[0] Batch [20]	Speed: 3.18 samples/sec	Train-FCNLogLoss=1.250000,	
2017-07-20 09:05:50,012 Epoch[0] Train-FCNLogLoss=1.125000
2017-07-20 09:05:50,013 Epoch[0] Time cost=17.001
2017-07-20 09:06:00,012 Epoch[1] Batch [10]	Speed: 3.18 samples/sec	Train-FCNLogLoss=nan,	
"""  # noqa: W291


def test_table_has_the_form_of_the_report():
    data = report.read_report(REPORT)
    naive = data.settings[0].offsets["res5a_branch2b"]
    assert taps.table(naive).splitlines()[0] == "( -6.52, -10.55) (-46.07, -58.80) ( -4.55,   0.19)"
    text = taps.tables({"res5a_branch2b": naive[None, None]})
    assert text.splitlines()[0] == "res5a_branch2b_offset" and len(text.splitlines()) == 4
    two = taps.tables({"a": np.zeros((2, 1, 3, 3, 2))}).splitlines()
    assert (two[0], two[4], len(two)) == ("a_offset[0]", "a_offset[1]", 8)


def test_moved_taps_stand_about_the_middle_of_the_dilated_grid():
    offset = np.zeros((2, 3, 3, 2))
    offset[1, 0, 2] = -1, 0.5  # the upper right tap
    grid, places = taps.moved(offset, 2)
    assert grid.tolist() == [[y, x] for y in (-2, 0, 2) for x in (-2, 0, 2)]
    assert np.array_equal(places[0], grid) and places[1, 2].tolist() == [-3, 2.5]
    assert taps.reach([offset], 2) == pytest.approx(3 * 1.06 + 0.5)
    assert taps.path_lengths(offset)[1].tolist() == [0, 0, pytest.approx(1.25**0.5), 0, 0, 0, 0, 0, 0]


def test_film_has_a_picture_for_every_epoch():
    stack = np.linspace(0, 1, 4)[:, None, None, None, None, None] * np.ones((1, 1, 1, 3, 3, 2))
    gif = taps.animation([0, 1, 2, 3], {"res5a_branch2b": stack}, 1)
    with Image.open(io.BytesIO(gif)) as film:
        assert film.n_frames == 4 and film.info["duration"] == 500
    assert len(gif) < 100_000
    wide = taps.animation([0, 1, 2, 3], {"a": stack, "b": stack}, {"a": 1, "b": 4})
    assert wide != taps.animation([0, 1, 2, 3], {"a": stack, "b": stack}, {"a": 1, "b": 1})


def test_histograms_count_every_value_once():
    offset = np.zeros((2, 1, 9, 2, 4, 5))
    offset[:, :, 3, 1] = 2.0
    found = histogram.histograms({"a": offset, "b": -offset}, bins=5)
    assert found.edges.tolist() == pytest.approx([-2, -1.2, -0.4, 0.4, 1.2, 2])
    assert found.share["a"][3, 1].tolist() == [0, 0, 0, 0, 1] and found.share["b"][3, 1].tolist() == [1, 0, 0, 0, 0]
    assert found.share["a"][3, 0].tolist() == [0, 0, 1, 0, 0]
    assert found.mean["b"][3].tolist() == [0, -2] and (found.outside["a"] == 0).all()
    with pytest.raises(ValueError, match="same taps; got {'a': 9, 'b': 4}"):
        histogram.histograms({"a": offset, "b": offset[:, :, :4]})


def test_curve_of_the_originals_log(tmp_path):
    path = tmp_path / "run.log"
    path.write_text(ORIGINALS_LOG)
    curve = loss.read_curve([path])
    assert curve.running[:2].tolist() == [[pytest.approx(1 / 3), 1.5], [pytest.approx(2 / 3), 1.25]]
    assert np.isnan(curve.running[2, 1]) and curve.epochs.tolist() == [[1, 1.125]] and curve.final == 1.125


def test_curve_goes_on_where_training_was_resumed(tmp_path):
    first, second = tmp_path / "a.log", tmp_path / "b.log"
    first.write_text("Epoch[0] Train-FCNLogLoss=3.0\nEpoch[1] Train-FCNLogLoss=2.0\n")
    second.write_text("Epoch[1] Train-FCNLogLoss=1.5\nEpoch[2] Train-FCNLogLoss=1.0\n")
    assert loss.read_curve([first, second]).epochs.tolist() == [[1, 3.0], [2, 1.5], [3, 1.0]]
    (tmp_path / "c.log").write_text("nothing\n")
    with pytest.raises(ValueError, match=r"c\.log: no line 'Epoch"):
        loss.read_curve([tmp_path / "c.log"])


def test_of_two_runs_in_one_file_the_later_counts(tmp_path):
    path = tmp_path / "run.log.gz"
    first = "training config:{}\nEpoch[0] Batch [1]\tSpeed: 1 samples/sec\tTrain-FCNLogLoss=9.0,\n"
    first += "Epoch[0] Train-FCNLogLoss=8.0\nEpoch[1] Train-FCNLogLoss=7.0\nEpoch[2] Train-FCNLogLoss=6.0\n"
    second = "training config:{}\nEpoch[0] Train-FCNLogLoss=3.0\nEpoch[1] Train-FCNLogLoss=2.0\n"
    path.write_bytes(gzip.compress((first + second).encode()))
    curve = loss.read_curve([path])
    assert curve.epochs.tolist() == [[1, 3.0], [2, 2.0]] and len(curve.running) == 0


@pytest.mark.parametrize(("name", "epochs", "final", "value", "road"), [
    ("acn_normalized_lr_0.05_2017-07-31-12-47", (1, 53), 0.0916, 0.73437, 0.97963),
    ("acn_warmup_resume_2017-08-03-16-03", (21, 53), 0.092167, 0.74216, 0.97906),
    ("dcn_2017-07-11-14-58", (1, 53), 0.084309, 0.74704, 0.98008),
])  # fmt: skip
def test_the_reports_own_logs(name, epochs, final, value, road):
    path = Path(__file__).parents[4] / "shared/data/report_logs" / f"{name}.log.gz"
    if not path.is_file():
        pytest.skip(f"{path} is not there")
    curve = loss.read_curve([path])
    assert (curve.epochs[0, 0], curve.epochs[-1, 0]) == epochs and curve.final == final
    assert len(curve.running) == 148 * len(curve.epochs)
    ((found, classes),) = loss.read_evaluations(path)
    assert found == value and len(classes) == 19 and classes[0] == road


def test_evaluations_of_our_logs(tmp_path):
    path = tmp_path / "run.log"
    path.write_text("2026 IU_array:\n2026 0.9\n2026 0.5\n2026 meanIU:0.70000\nmeanIU_present:0.7 (mean of the 2)\n")
    assert loss.read_evaluations(path) == [(0.7, [0.9, 0.5])]
    path.write_text("nothing\n")
    assert loss.read_evaluations(path) == []


def test_published_curves_come_from_a_table(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("id,1,2,3\na,3.0,2.0,1.0\nb,5.0,4.0,\n")
    curves = loss.read_published(path)
    assert curves["a"].final == 1.0 and curves["b"].epochs.tolist() == [[1, 5.0], [2, 4.0]]


def test_norms_belong_to_their_taps():
    values = np.zeros((4, 2, 3, 3), np.float32)
    values[0, 0, 0, 1], values[3, 1, 0, 1], values[1, 0, 2, 2] = 3, 4, -1
    assert weight.tap_norms(values).tolist() == [[0, 5, 0], [0, 0, 0], [0, 0, 1]]
    branch = np.zeros((27, 2, 1, 1), np.float32)
    branch[7], branch[18] = 1, 9  # dx of tap 3; the first mask, which is none of the offsets
    norms = weight.branch_norms(branch, 9, masks=True)
    assert norms[3].tolist() == [0, pytest.approx(2**0.5)] and norms.sum() == pytest.approx(2**0.5)
    assert weight.branch_norms(np.ones((72, 1, 1, 1), np.float32), 9, masks=False).tolist() == [[2.0, 2.0]] * 9
    assert list(weight.kernels({"a_branch2b_weight": values, "b_branch2b_weight": values[:, :, :1, :1]})) == [
        "a_branch2b"
    ]


def test_report_tells_which_taps_read_nothing():
    data = report.read_report(REPORT)
    assert [each.miou for each in data.settings] == [0.73822, 0.68538, 0.72148, 0.73437, 0.72973, 0.74216]
    lost = [
        sum(int(report.never_inside(offset, data.dilate, data.feature_map).sum()) for offset in each.offsets.values())
        for each in data.settings
    ]
    assert lost == [1, 27, 2, 0, 0, 0]
    assert np.median(data.settings[1].lengths) == pytest.approx(547.6, abs=0.1)
    offset = np.zeros((3, 3, 2))
    offset[1, 1], offset[0, 0] = (0, 127.9), (-62, 0)
    assert np.flatnonzero(report.never_inside(offset, 2, (64, 128))).tolist() == [0]


def test_look_survives_its_file(tmp_path):
    random = np.random.default_rng(2)
    made = look(
        layer("modulated", random.normal(size=(9, 2, 6, 8)), random.random((9, 6, 8))),
        layer("active", 1000.3, name="far"),
    )
    looks.save(tmp_path / "a" / "look.npz", made)
    read = looks.load(tmp_path / "a" / "look.npz")
    assert (read.run, read.epoch, read.picture, read.zoom) == ("a_run", 3, "a_picture", 0.5)
    assert read.class_names == made.class_names and np.array_equal(read.palette, made.palette)
    assert np.array_equal(read.image, made.image) and np.array_equal(read.truth, made.truth)
    for one, other in zip(read.layers, made.layers):
        assert one.geometry == other.geometry and one.kind == other.kind
        assert np.abs(one.offset - other.offset).max() <= 1 / 64
    assert read.layers[1].offset.max() == np.float32(1000.3)  # too far for 16 bits
    np.savez(tmp_path / "other.npz", a=np.zeros(1))
    with pytest.raises(ValueError, match=r"other\.npz: not a look"):
        looks.load(tmp_path / "other.npz")


def test_wrong_shapes_and_names_are_told():
    with pytest.raises(ValueError, match=r"far: active offsets of shape \(1, 9, 2, 6, 8\), expected \(1, 9, 2, 1, 1\)"):
        looks.Layer("far", "active", layer().geometry, layer().offset)
    with pytest.raises(ValueError, match="no layer 'x' in a_run; it has res5a_branch2b"):
        look(layer()).layer("x")


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("truth", [True, False])
def test_overview_draws_with_and_without_truth(count, truth):
    layers = [layer("deformable", name=f"l{n}") for n in range(count)]
    figure = Figure(figsize=(4, 3))
    sampling.draw_overview(figure, look(*layers, truth=truth), layers, (2, 60))
    titles = [axis.get_title() for axis in figure.axes]
    assert ("truth" in titles) == truth and "prediction" in titles
    # From cell (0, 3) of a map of 6 x 8: 2 * 3 of its taps are inside; of theirs, 2 + 3 rows times 2 + 3 + 3 columns.
    assert [title for title in titles if title.startswith("through")] == [
        "through 1 layer: 9 points",
        "through 2 layers: 54 of 81 points",
        "through 3 layers: 360 of 729 points",
    ] * (count == 3)
