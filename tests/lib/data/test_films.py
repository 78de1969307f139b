# SPDX-License-Identifier: Apache-2.0
"""Drawn films: read by VOT's reader, the same for the same seed, and of the kinds that they are said to be."""

from __future__ import annotations

import numpy as np
import pytest

from lib.data import vot
from lib.data.films.film import box_of, film
from lib.data.films.thing import Pose, draw_thing, paint
from lib.data.films.write import Settings, generate
from lib.data.picture_file import DatasetError

SMALL = Settings(train=1, val=3, frames=12, height=96, width=96, seed=100)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("films") / "small"
    assert generate(folder, SMALL)
    return folder


def test_films_lie_in_vots_folders_and_are_drawn_once(folder):
    (train,), val = vot.read(folder / "train"), vot.read(folder / "val")
    assert [each.name for each in val] == ["rigid_000", "growing_001", "deforming_002"] and train.name == "rigid_000"
    assert all(len(each) == 12 and each.image(3).shape == (96, 96, 3) for each in val)
    assert [each.labels["deformation"].all() for each in val] == [False, False, True]
    assert [each.labels["size_change"].any() for each in val] == [False, True, False]
    assert not generate(folder, SMALL)
    with pytest.raises(DatasetError, match="holds films drawn with .*'seed': 100.* not with .*'seed': 101"):
        generate(folder, Settings(**{**vars(SMALL), "seed": 101}))
    with pytest.raises(DatasetError, match=r"has no films.json: not films, left alone"):
        generate(folder / "val", SMALL)


def test_kinds_are_what_they_say(folder):
    rigid, growing, deforming = (each.boxes[:, 2:] for each in vot.read(folder / "val"))
    assert np.ptp(rigid, axis=0).max() <= 2  # a pixel more or less, where it stands
    areas = growing.prod(1)
    assert areas.max() > 2.5 * areas.min()
    ratios = deforming[:, 0] / deforming[:, 1]
    assert ratios.max() > 1.15 * ratios.min()
    for each in vot.read(folder / "val"):
        x, y, width, height = each.boxes.T
        assert x.min() >= 0 and y.min() >= 0 and (x + width).max() <= 96 and (y + height).max() <= 96


def test_a_film_depends_on_its_seed_split_and_number_alone():
    first, again, other = ([frame for frame, _ in film(*what, (3, 96, 96))] for what in
                           ((7, "val", 2), (7, "val", 2), (8, "val", 2)))  # fmt: skip
    assert all((a == b).all() for a, b in zip(first, again)) and (first[0] != other[0]).any()


def test_a_box_goes_around_what_is_painted():
    random = np.random.default_rng(0)
    for bend in (0.0, 0.5):
        canvas = np.zeros((96, 128, 3), np.float32)
        thing = draw_thing(random)
        cover = paint(canvas, thing, Pose(50.0, 60.0, 30.0, angle=0.7, bend=bend, wave=1.0, stretch=1.2))
        x, y, width, height = box_of(cover)
        assert not canvas[cover == 0].any() and (canvas[cover == 1].sum(-1) > 0).all()
        inside = cover[y : y + height, x : x + width] > 0.5
        assert inside.sum() == (cover > 0.5).sum() and inside.any(0).all() and inside.any(1).all()
        assert 0.5 * 30**2 < (cover > 0.5).sum() < 1.2 * 30**2
    with pytest.raises(ValueError, match="not in the picture"):
        box_of(np.zeros((4, 4)))


def test_settings_that_make_no_films_are_refused():
    for wrong in ({"train": 0}, {"frames": 1}, {"height": 90}, {"width": 100}, {"seed": -1}):
        with pytest.raises(ValueError, match="films: expected"):
            Settings(**wrong)
