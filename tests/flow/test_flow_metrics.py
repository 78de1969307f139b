# SPDX-License-Identifier: Apache-2.0
"""End-point errors, where they are looked at, and colours of flow."""

from __future__ import annotations

import logging
import warnings
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from flows import config
from matplotlib.figure import Figure
from PIL import Image

from flow.evaluation import evaluate, floors, masks_of
from flow.looker import load_pairs, moving_edge, save_pair
from flow.pictures import draw_pairs
from lib.data.flow_files import UNKNOWN, write_flow
from lib.data.flow_pairs import Pair
from lib.data.picture_file import DatasetError
from lib.metrics.end_point_error import Sums, best_affine, end_point_error, near_edges
from lib.pictures import flow as coding
from lib.run.folder import forget


def test_the_error_is_the_distance_of_the_ends():
    np.testing.assert_allclose(end_point_error(np.array([[[3.0, 5.0]]]), np.array([[[0.0, 1.0]]])), [[5.0]])


def test_edges_are_where_known_flow_jumps():
    flow = np.zeros((9, 12, 2))
    flow[:, 6:, 0] = 2
    known = np.ones((9, 12), bool)
    columns = near_edges(flow, known, reach=3).all(0)
    np.testing.assert_array_equal(np.flatnonzero(columns), np.arange(3, 9))  # 5 | 6, and two more on either side
    assert not near_edges(flow, known, jump=2).any()
    known[:, 6:] = False
    assert not near_edges(flow, known).any()


def test_the_best_affine_flow_finds_an_affine_one_and_leaves_the_unknown_out():
    y, x = np.indices((7, 9))
    truth = np.stack([1 + 0.5 * x - 0.2 * y, 3 - 0.1 * x], -1)
    known = np.ones((7, 9), bool)
    known[2:4, 3:6] = False
    broken = np.where(known[..., None], truth, 1e10)
    np.testing.assert_allclose(best_affine(broken, known), truth, atol=1e-8)
    made = floors(broken, known)
    np.testing.assert_allclose(made["mean"][0, 0], truth[known].mean(0))
    assert not made["zero"].any()


def test_the_best_constant_of_many_pixels_is_their_mean():
    """A sum of them in float32 is not."""
    flow = np.full((600, 1000, 2), 5.3, np.float32)
    np.testing.assert_allclose(floors(flow, np.ones((600, 1000), bool))["mean"][0, 0], flow[0, 0], rtol=1e-9)


def test_parts_of_a_pair():
    flow = np.zeros((4, 6, 2), np.float32)
    flow[0, 0], flow[0, 1], flow[0, 2], flow[3, 5] = (0, 7), (-15, 0), (30, 0), UNKNOWN
    pair = Pair(np.zeros((4, 6, 3), np.uint8), np.zeros((4, 6, 3), np.uint8), flow, flow[..., 1] > 0, "a")
    counts = {name: int(mask.sum()) for name, mask in masks_of(pair).items()}
    assert counts["all"] == 23 and counts["0-5 px"] == 20
    assert counts["5-10 px"] == counts["10-20 px"] == counts["20 px and more"] == 1
    assert counts["near edges"] + counts["away from edges"] == 23
    assert counts["occluded"] == 1 and counts["unoccluded"] == 22


def test_means_weigh_every_pixel_the_same():
    sums = Sums()
    sums.add("a", np.array([[1.0, 2.0]]), np.array([[True, True]]))
    sums.add("a", np.array([[6.0, 9.0]]), np.array([[True, False]]))
    sums.add("b", np.array([[6.0]]), np.array([[False]]))
    assert sums.means() == {"a": 3.0}


def test_pairs_without_any_known_flow_are_no_measure(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "FlyingChairs_train_val.txt").write_text("2\n")
    for kind in ("img1", "img2"):
        Image.new("RGB", (6, 4)).save(tmp_path / f"data/00001_{kind}.ppm")
    write_flow(tmp_path / "data/00001_flow.flo", np.full((4, 6, 2), UNKNOWN))
    cfg = config("quick_flow", "dataset.dataset=chairs", f"dataset.dataset_path={tmp_path}", "net.kind=plain")
    still = SimpleNamespace(flows=lambda pairs: np.zeros((len(pairs), 4, 6, 2), np.float32))
    with pytest.raises(DatasetError, match="expected flow to measure by, got 1 pairs of test without a pixel"):
        evaluate(cfg, still, tmp_path / "results", False, logging.getLogger())


def test_colours_of_flow():
    """White stands still, right is red, what is unknown is black, and opposite motions have other colours."""
    flow = np.array([[[0, 0], [4, 0], [-4, 0], [0, 4], [8, 0]]], float)
    made = coding.colours(flow, np.array([[True] * 5]), largest=4)[0]
    assert made[0].tolist() == [255, 255, 255] and made[1].tolist() == [255, 0, 0]
    assert made[4].tolist() == [191, 0, 0]
    assert len({tuple(each) for each in made.tolist()}) == 5
    assert not coding.colours(flow, np.zeros((1, 5), bool)).any()
    ring = coding.wheel()
    assert ring.shape == (55, 3) and ring[0].tolist() == [255, 0, 0] and ring[15].tolist() == [255, 255, 0]
    assert coding.legend(33)[16, 32].tolist()[0] == 255 and coding.legend(33)[0, 0].tolist() == [255, 255, 255]


def test_the_edge_that_is_looked_at_is_where_flow_jumps():
    flow = np.zeros((16, 24, 2), np.float32)
    flow[:, 12:] = (0, 3)
    flow[6:, 12:] = (4, 3)
    flow[0, 0] = UNKNOWN
    picture = np.zeros((16, 24, 3), np.uint8)
    assert moving_edge(Pair(picture, picture, flow, None, "a")) == (6, 11)
    flow[10, 8] = UNKNOWN  # in the middle half: nobody knows whether flow jumps there
    flow[:, :12] += (50, 0)
    flow[:, 12:] += (50, 0)
    assert moving_edge(Pair(picture, picture, flow, None, "a")) == (6, 11)


def test_pairs_are_kept_and_drawn_with_their_error(tmp_path):
    picture = np.arange(8 * 12 * 3, dtype=np.uint8).reshape(8, 12, 3)
    flow = np.full((8, 12, 2), 3, np.float32)
    for name in ("00002", "00001"):
        save_pair(tmp_path, Pair(picture, 255 - picture, flow, None, name), flow + (0, 2))
    pairs = load_pairs(tmp_path)
    assert [pair.name for pair, _ in pairs] == ["00001", "00002"]
    for pair, found in pairs:
        assert np.array_equal(pair.first, picture) and np.array_equal(pair.second, 255 - picture)
        assert np.array_equal(pair.flow, flow) and np.array_equal(found, flow + (0, 2))
    figure = Figure()
    draw_pairs(figure, pairs)
    assert [axis.get_title() for axis in figure.axes[2:5]] == [
        "true flow, up to 4 px",
        "predicted",
        "error, mean 2.00 px",
    ]
    assert (np.asarray(figure.axes[4].images[0].get_array()) == 2).all()
    figure = Figure()
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # there is no mean of nothing
        draw_pairs(figure, [(replace(pairs[0][0], flow=np.full_like(flow, UNKNOWN)), pairs[0][1])])
    assert figure.axes[4].get_title() == "error, nowhere known"
    forget(tmp_path, "pair_*.npz")
    with pytest.raises(ValueError, match=r"has no pair_\*.npz; evaluate again"):
        load_pairs(tmp_path)
