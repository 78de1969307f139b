# SPDX-License-Identifier: Apache-2.0
"""Readers of tracking sequences, on small folders in the published layouts."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from lib.data import otb, vot
from lib.data.picture_file import DatasetError
from lib.data.sequences import pictures_in, read_regions, write_regions


def leave(folder, count, truth, form="{:08d}.jpg", name="groundtruth.txt"):
    folder.mkdir(parents=True)
    for number in range(1, count + 1):
        Image.new("RGB", (8, 6), (number, 0, 0)).save(folder / form.format(number))
    (folder / name).write_text(truth)
    return folder


def test_boxes_of_2013_and_their_labels(tmp_path):
    leave(tmp_path / "bicycle", 3, "1,2,3,4\n2.5,2,3,4\n3,2,3,4.25\n")
    (tmp_path / "bicycle" / "occlusion.label").write_text("0\n1\n0\n")
    leave(tmp_path / "car", 1, "5,5,2,2\n")
    (tmp_path / "list.txt").write_text("car\nbicycle\n")
    first, second = vot.read(tmp_path)
    assert (first.name, second.name, len(second)) == ("car", "bicycle", 3)
    assert second.regions.tolist() == [[0, 1, 3, 4], [1.5, 1, 3, 4], [2, 1, 3, 4.25]]
    assert (second.boxes == second.regions).all() and second.image(1).shape == (6, 8, 3)
    assert second.labels["occlusion"].tolist() == [False, True, False] and first.labels == {}


def test_polygons_of_later_years_in_their_folder_of_colours(tmp_path):
    folder = leave(tmp_path / "ball", 2, "")
    (folder / "color").mkdir()
    for each in folder.glob("*.jpg"):
        each.rename(folder / "color" / each.name)
    (folder / "groundtruth.txt").write_text("2,1,4,3,2,5,1,3\n" * 2)
    found = vot.read_sequence(folder)
    assert found.regions[0].tolist() == [1, 0, 3, 2, 1, 4, 0, 2]
    assert found.boxes.tolist() == [[0, 0, 3, 4]] * 2


def test_the_benchmarks_layout_with_two_targets_and_unmarked_frames(tmp_path):
    for name, truth, count in (("Jogging", "1,1,2,2\n", 1), ("David", "1\t1\t2\t2\n1 1 2 3\n", 5)):
        leave(tmp_path / name / "img", count, "", "{:04d}.jpg")
        end = ".1" if name == "Jogging" else ""
        (tmp_path / name / f"groundtruth_rect{end}.txt").write_text(truth)
    (tmp_path / "Jogging" / "groundtruth_rect.2.txt").write_text("4,1,2,2\n")
    found = otb.read(tmp_path, {"David": (3, 4)})
    assert [each.name for each in found] == ["David", "Jogging.1", "Jogging.2"]
    assert [each.name for each in found[0].frames] == ["0003.jpg", "0004.jpg"]
    assert found[0].regions.tolist() == [[0, 0, 2, 2], [0, 0, 2, 3]] and found[2].regions.tolist() == [[3, 0, 2, 2]]
    with pytest.raises(DatasetError, match="2 regions of 4 numbers; expected a box for each of 5 frames"):
        otb.read(tmp_path, {})
    with pytest.raises(DatasetError, match="no <sequence>/groundtruth_rect.txt"):
        otb.read(tmp_path / "David")


def test_the_benchmarks_empty_marks_and_unmarked_end(tmp_path):
    """Human4's first file is empty, and Diving has marks for 215 of its 231 frames."""
    for name, count in (("Diving", 231), ("Human4", 2)):
        (tmp_path / name / "img").mkdir(parents=True)
        for number in range(1, count + 1):
            (tmp_path / name / "img" / f"{number:04d}.jpg").touch()
    (tmp_path / "Diving" / "groundtruth_rect.txt").write_text("1,1,2,2\n" * 215)
    (tmp_path / "Human4" / "groundtruth_rect.1.txt").write_text("\n")
    (tmp_path / "Human4" / "groundtruth_rect.2.txt").write_text("1,1,2,2\n" * 2)
    assert [(each.name, len(each)) for each in otb.read(tmp_path)] == [("Diving", 215), ("Human4.2", 2)]
    (tmp_path / "Human4" / "groundtruth_rect.2.txt").write_text("")
    with pytest.raises(DatasetError, match="groundtruth_rect.1.txt: empty, expected one region a line"):
        otb.read(tmp_path)


@pytest.mark.parametrize(
    "truth, text",
    [
        ("1,2,3\n", "line 1: 3 numbers; expected 4"),
        ("1,2,3,4\n1,2,3,4,5,6,7,8\n", "line 2: 8 numbers, line 1 has 4"),
        ("1,2,3,4\n1,2,x,4\n", "line 2: expected numbers, got '1,2,x,4'"),
        ("1,2,3,4\nnan,2,3,4\n", "line 2: a number that is not finite"),
        ("1,2,3,4\n1,2,0,4\n", "line 2: a box without area, 1,2,0,4"),
        ("\n1,2,3,4\n\n1,2,0,4\n", "line 4: a box without area, 1,2,0,4"),
        ("2,1,4,3,2,5,1,3\n5,5,5,5,5,5,5,5\n", "line 2: a polygon without area, 5,5,5,5,5,5,5,5"),
        ("2,1,4,1,6,1,8,1\n" * 2, "line 1: a polygon without area"),
        ("\n", "empty, expected one region a line"),
        ("1,2,3,4\n", "1 regions, but .* has 2 pictures"),
    ],
)
def test_what_is_wrong_in_a_file_is_named(tmp_path, truth, text):
    with pytest.raises(DatasetError, match=text):
        vot.read_sequence(leave(tmp_path / "a", 2, truth))


def test_what_is_missing_is_named(tmp_path):
    with pytest.raises(DatasetError, match="no such list of sequences"):
        vot.read(tmp_path)
    (tmp_path / "list.txt").write_text("here\n")
    with pytest.raises(DatasetError, match="here: no such folder"):
        vot.read(tmp_path)
    folder = leave(tmp_path / "here", 2, "1,2,3,4\n" * 2)
    (folder / "motion.label").write_text("0\n2\n")
    with pytest.raises(DatasetError, match="expected 2 lines of 0 or 1"):
        vot.read(tmp_path)


def test_sequences_of_one_name_are_refused(tmp_path):
    """Their boxes would stand in for one another's."""
    for folder in ("one", "other"):
        leave(tmp_path / folder / "car", 1, "1,2,3,4\n")
    (tmp_path / "list.txt").write_text("one/car\nother/car\n")
    with pytest.raises(DatasetError, match="list.txt: 2 sequences are called car, expected different names"):
        vot.read(tmp_path)
    (tmp_path / "list.txt").write_text("one/car\n")
    assert [each.name for each in vot.read(tmp_path)] == ["car"]


def test_regions_that_are_written_are_read_again(tmp_path):
    boxes = np.array([[0, 1.25, 3, 4.5], [120.33, 7, 20, 30]])
    (tmp_path / "a.txt").write_text(write_regions(boxes))
    assert (tmp_path / "a.txt").read_text() == "1,2.25,3,4.5\n121.33,8,20,30\n"
    np.testing.assert_allclose(read_regions(tmp_path / "a.txt"), boxes)


def test_frames_come_in_the_order_of_their_numbers(tmp_path):
    names = ["a 1.jpg", "a 2.png", "a 9.JPG", "a 10.jpg", "a 010.jpg", "b 3.jpg", "b 20.jpg"]
    for name in names:
        (tmp_path / name).touch()
    found = [path.name for path in pictures_in(tmp_path)]
    assert found == ["a 1.jpg", "a 2.png", "a 9.JPG", "a 010.jpg", "a 10.jpg", "b 3.jpg", "b 20.jpg"]
