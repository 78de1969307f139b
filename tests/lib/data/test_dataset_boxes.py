# SPDX-License-Identifier: Apache-2.0
"""Readers of boxes: PASCAL VOC, COCO, and the streets written in both formats."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lib.data.coco import coco
from lib.data.images import DatasetError
from lib.data.streets.bodies import DECOYS, KINDS, MAST, Body, decoy_of
from lib.data.streets.boxes import CLASS_NAMES, BoxSettings, box_of, box_settings, generate_boxes
from lib.data.streets.scene import render_with_bodies
from lib.data.streets.view import look
from lib.data.voc_boxes import voc_boxes

SIDES = ("xmin", "ymin", "xmax", "ymax")


def xml(*objects: str, size: str = "<size><width>40</width><height>30</height></size>") -> str:
    return f"<annotation>{size}{''.join(objects)}</annotation>"


def one(*box, name="dog", more="") -> str:
    corners = "".join(f"<{side}>{value}</{side}>" for side, value in zip(SIDES, box))
    return f"<object><name>{name}</name>{more}<bndbox>{corners}</bndbox></object>"


@pytest.fixture
def kit(tmp_path):
    """make({picture: annotation}, year, list) -> the root of a development kit with these pictures of 40 x 30."""

    def make(pictures: dict[str, str], year: str = "2007", listing: str = "trainval") -> Path:
        here = tmp_path / f"VOC{year}"
        for folder in ("JPEGImages", "Annotations", "ImageSets/Main"):
            (here / folder).mkdir(parents=True, exist_ok=True)
        for name, text in pictures.items():
            Image.new("RGB", (40, 30), "white").save(here / "JPEGImages" / f"{name}.jpg")
            (here / "Annotations" / f"{name}.xml").write_text(text)
        (here / "ImageSets" / "Main" / f"{listing}.txt").write_text("".join(f"{name}\n" for name in pictures))
        return tmp_path

    return make


def test_boxes_begin_at_0_and_keep_their_fractions(kit):
    root = kit(
        {"1": xml(one(1, 1, 40, 30), one(5.5, 6, 7, 8, name="Person", more="<difficult>1</difficult>")), "2": xml()}
    )
    data = voc_boxes(root, "2007_trainval")
    first, second = data.records
    assert first.objects.boxes.tolist() == [[0, 0, 39, 29], [4.5, 5, 6, 7]]
    assert [data.class_names[each] for each in first.objects.classes] == ["dog", "person"]
    assert first.objects.difficult.tolist() == [False, True] and first.size == (30, 40) and data.year == 2007
    assert first.objects.trained.classes.tolist() == [data.class_names.index("dog")]
    assert second.objects.boxes.shape == (0, 4) and data.image(second).shape == (30, 40, 3)


def test_sets_are_joined_and_no_picture_counts_twice(kit):
    kit({"1": xml()}, "2007")
    root = kit({"1": xml(), "2": xml()}, "2012")
    data = voc_boxes(root, "2007_trainval+2012_trainval")
    assert [(each.image.parents[1].name, each.name) for each in data.records] == [
        ("VOC2007", "1"), ("VOC2012", "1"), ("VOC2012", "2")
    ]  # fmt: skip
    kit({"2": xml()}, "2012", "more")
    with pytest.raises(DatasetError, match="2 of 2012_more stands in it twice"):
        voc_boxes(root, "2012_trainval+2012_more")


def test_a_coordinate_0_does_not_wrap_around(kit):
    """In the original, whose boxes are uint16, it becomes 65535; and what reaches out of the picture is cut."""
    data = voc_boxes(kit({"1": xml(one(0, 0, 41, 31))}), "2007_trainval")
    assert data.records[0].objects.boxes.tolist() == [[0, 0, 39, 29]]


@pytest.mark.parametrize(
    "text, told",
    [
        ("<annotation>", "not XML"),
        (xml(size=""), "size/width: expected a number, got None"),
        (xml(size="<size><width>0</width><height>3</height></size>"), "at least one pixel, got 0 x 3"),
        (xml(one(1, 1, 4, 4), one(1, 1, 4, 4, name="unicorn")), "object 2: class 'unicorn' is none of"),
        (xml(one(1, 1, 4, 4, name="__background__")), "object 1: class '__background__' is none of"),
        (xml(one(1, 1, "x", 4)), "object 1: bndbox/xmax: expected a number, got 'x'"),
        (xml(one("nan", 1, 3, 4)), "object 1: bndbox/xmin: expected a number, got 'nan'"),
        (xml(size="<size><width>inf</width><height>3</height></size>"), "size/width: expected a number, got 'inf'"),
        (
            xml(one(1, 1, 4, 4, more="<difficult>False</difficult>")),
            "object 1: difficult: expected 0 or 1, got 'False'",
        ),
        ('<?xml version="1.0" encoding="GBK"?>' + xml(), "not XML: multi-byte encodings are not supported"),
        ('<?xml version="1.0" encoding="x"?>' + xml(), "not XML: unknown encoding"),
        (xml("<object><name>dog</name></object>"), "object 1: bndbox/xmin: expected a number, got None"),
        (xml(one(9, 1, 8, 4)), "object 1: its box .* ends before it begins"),
        (xml(one(41, 1, 50, 4)), "object 1: its box .* lies outside the picture, 40 x 30"),
    ],
)
def test_faults_are_told_with_the_file(kit, text, told):
    root = kit({"000007": text})
    with pytest.raises(DatasetError, match=rf"000007\.xml.*{told}"):
        voc_boxes(root, "2007_trainval")


def test_what_is_missing_is_told(kit, tmp_path):
    root = kit({"1": xml()})
    for image_set, told in (("trainval", "expected '<year>_<list>'"), ("2012_trainval", "VOC2012 is not a folder"),
                            ("2007_test", "test.txt: no such list; .* has trainval")):  # fmt: skip
        with pytest.raises(DatasetError, match=told):
            voc_boxes(root, image_set)
    (root / "VOC2007" / "Annotations" / "1.xml").unlink()
    with pytest.raises(DatasetError, match=r"1\.xml: no such file"):
        voc_boxes(root, "2007_trainval")
    (root / "VOC2007" / "JPEGImages" / "1.jpg").unlink()
    with pytest.raises(DatasetError, match=r"1\.jpg: no such file"):
        voc_boxes(root, "2007_trainval")
    kit({}, listing="none")
    with pytest.raises(DatasetError, match=r"none\.txt: empty"):
        voc_boxes(root, "2007_none")


def test_a_picture_of_another_size_than_its_annotation_says(kit):
    data = voc_boxes(kit({"1": xml(size="<size><width>30</width><height>40</height></size>")}), "2007_trainval")
    with pytest.raises(DatasetError, match=r"1\.jpg: 40 x 30 pixels .* but its annotation says 30 x 40"):
        data.image(data.records[0])


def test_three_hundred_classes(kit):
    names = tuple(f"kind {number}" for number in range(300))
    data = voc_boxes(kit({"1": xml(one(1, 1, 2, 2, name="kind 299"))}), "2007_trainval", names)
    assert data.num_classes == 301 and data.records[0].objects.classes.tolist() == [300]


COCO = {
    "images": [{"id": 7, "file_name": "a.jpg", "height": 30, "width": 40},
               {"id": 9, "file_name": "b.jpg", "height": 5, "width": 5}],
    "categories": [{"id": 18, "name": "dog"}, {"id": 1, "name": "person"}],
    "annotations": [
        {"id": 1, "image_id": 7, "category_id": 18, "bbox": [0.5, 1, 10, 20], "area": 9, "iscrowd": 0},
        {"id": 2, "image_id": 7, "category_id": 1, "bbox": [35, 1, 10, 20], "area": 9, "iscrowd": 0},
        {"id": 3, "image_id": 7, "category_id": 1, "bbox": [0, 0, 9, 9], "area": 9, "iscrowd": 1},
        {"id": 4, "image_id": 7, "category_id": 1, "bbox": [0, 0, 0, 9], "area": 0, "iscrowd": 0},
    ],
}  # fmt: skip


def written(root: Path, content, name: str = "val2014") -> Path:
    (root / "annotations").mkdir(exist_ok=True)
    (root / "images" / name).mkdir(parents=True, exist_ok=True)
    for each in "ab":
        (root / "images" / name / f"{each}.jpg").touch()
    (root / "annotations" / f"instances_{name}.json").write_text(
        content if isinstance(content, str) else json.dumps(content)
    )
    return root


def test_cocos_boxes(tmp_path):
    data = coco(written(tmp_path, COCO), "val2014")
    assert data.class_names == ("__background__", "person", "dog") and data.numbers == (0, 1, 18)
    first, second = data.records
    assert first.objects.boxes.tolist() == [[0.5, 1, 9.5, 20], [35, 1, 39, 20]]  # no crowd, nothing without area
    assert first.objects.classes.tolist() == [2, 1] and second.objects.boxes.shape == (0, 4)
    assert first.image == tmp_path / "images" / "val2014" / "a.jpg" and first.name == "7"


@pytest.mark.parametrize(
    "content, told",
    [
        ("{", "not JSON"),
        ({"images": []}, "lists no images"),
        ({"images": COCO["images"]}, "not COCO's format: KeyError\\('categories'\\)"),
        ({**COCO, "annotations": [{"id": 5, "image_id": 8}]}, "annotation 5: there is no image 8"),
        (
            {**COCO, "annotations": [{**COCO["annotations"][0], "category_id": 3}]},
            "annotation 1: there is no category 3",
        ),
        ({**COCO, "annotations": [{**COCO["annotations"][0], "bbox": [1, 2, 3]}]}, "annotation 1: bbox: expected four"),
        (
            {**COCO, "annotations": [{**COCO["annotations"][0], "bbox": [1, 2, 3, math.nan]}]},
            "annotation 1: bbox: .* nan",
        ),
        ({**COCO, "annotations": [{**COCO["annotations"][0], "bbox": ["1", 2, 3, 4]}]}, "annotation 1: bbox: .*'1'"),
        ({**COCO, "images": [{**COCO["images"][0], "height": "x"}]}, "not COCO's format: ValueError"),
        ({**COCO, "images": [{**COCO["images"][0], "height": 0}]}, "image 7: expected a picture .* got 40 x 0"),
        ({**COCO, "images": [{**COCO["images"][0], "id": "a"}]}, "image 'a': id: expected a whole number"),
        ({**COCO, "categories": 2 * [{"id": 1, "name": "dog"}]}, r"two categories have one id, got \[1, 1\]"),
        (
            {**COCO, "categories": [{"id": 1, "name": "dog"}, {"id": 18, "name": "dog"}]},
            r"two categories have one name, got \['dog', 'dog'\]",
        ),
        ({**COCO, "categories": [{"id": "1", "name": "dog"}]}, "category '1': id: expected a whole number"),
        ({**COCO, "categories": [{"id": 1, "name": 5}]}, "category 5: name: expected a text"),
        ({**COCO, "annotations": [{**COCO["annotations"][0], "iscrowd": "0"}]}, "annotation 1: iscrowd: .* got '0'"),
        ({**COCO, "annotations": [{**COCO["annotations"][0], "area": None}]}, "annotation 1: area: .* got None"),
    ],
)
def test_faults_of_cocos_files_are_told(tmp_path, content, told):
    with pytest.raises(DatasetError, match=rf"instances_val2014\.json: .*{told}"):
        coco(written(tmp_path, content), "val2014")


def test_a_picture_of_coco_that_is_not_there(tmp_path):
    """Told before a training begins, or, to whoever asks for all faults, one by one."""
    (written(tmp_path, COCO) / "images" / "val2014" / "b.jpg").unlink()
    with pytest.raises(DatasetError, match=r"val2014/b\.jpg: no such file"):
        coco(tmp_path, "val2014")
    faults: list = []
    assert [each.name for each in coco(tmp_path, "val2014", faults).records] == ["7"]
    assert [path.name for path, _ in faults] == ["b.jpg"]


def test_a_coco_set_that_is_not_there(tmp_path):
    written(tmp_path, COCO)
    with pytest.raises(
        DatasetError, match="instances_train2014.json: no such file; its folder has instances_val2014.json"
    ):
        coco(tmp_path, "train2014")
    written(tmp_path, COCO, "other")
    with pytest.raises(DatasetError, match="a picture stands in it twice"):
        coco(tmp_path, "val2014+other")


def test_streets_have_the_same_boxes_in_both_formats(tmp_path):
    settings = BoxSettings(train=2, val=2, height=64, width=96, seed=3)
    assert generate_boxes(tmp_path / "s", settings) and not generate_boxes(tmp_path / "s", settings)
    voc, other = voc_boxes(tmp_path / "s", "2012_val", CLASS_NAMES), coco(tmp_path / "s", "val")
    assert voc.class_names == other.class_names and len(voc.records) == 2
    for number, (one, two) in enumerate(zip(voc.records, other.records)):
        assert np.array_equal(one.objects.boxes, two.objects.boxes) and len(one.objects.boxes)
        assert np.array_equal(one.objects.classes, two.objects.classes)
        image, _, bodies = render_with_bodies(3, "val", number, 64, 96)
        assert np.array_equal(voc.image(one), image) and np.array_equal(other.image(two), image)
        assert [CLASS_NAMES[each - 1] for each in one.objects.classes] == [
            each.name for each in bodies if box_of(each, 0.5, 64, 96)
        ]
    with pytest.raises(DatasetError, match="other settings"):
        generate_boxes(tmp_path / "s", BoxSettings(train=2, val=3, height=64, width=96, seed=3))


def test_a_box_holds_the_body_alone():
    body = Body("figure", "person", x=20, feet=50, width=10, height=20)
    assert box_of(body, 1, 100, 100) == (15, 30, 24, 49)
    assert box_of(Body("figure", "person", x=2, feet=50, width=10, height=20), 1, 40, 100) == (0, 30, 6, 39)
    assert box_of(Body("figure", "person", x=-20, feet=50, width=10, height=20), 1, 100, 100) is None


def test_decoys_hang_on_the_masts_and_nothing_else_changes(tmp_path):
    plain, _, bodies = render_with_bodies(3, "val", 1, 256, 384)
    decoys, _, same = render_with_bodies(3, "val", 1, 256, 384, decoys=True)
    assert same == bodies and len(bodies) > 3
    changed, inside = (plain != decoys).any(axis=2), np.zeros(plain.shape[:2], bool)
    for body in bodies:
        left, _, right, bottom = (round(each) for each in body.bounds(2)[1])
        inside[: bottom + 1, left : right + 1] = True
        column = changed[:, round(body.x) - 6 : round(body.x) + 6]
        places = [round(body.feet - body.height * (1 + MAST * up)) for up in DECOYS]
        assert max(column[max(place - 6, 0) : place + 6].mean() for place in places) > 0.5
        own = round(body.feet - body.height * (1 + MAST))
        assert not column[own - 6 : own + 6].any()
    assert not changed[~inside].any()

    settings = {"train": 1, "val": 2, "height": 64, "width": 96, "seed": 3}
    assert generate_boxes(tmp_path / "s", box_settings(**settings, decoys=True))
    data = voc_boxes(tmp_path / "s", "2012_val", CLASS_NAMES)
    assert np.array_equal(data.image(data.records[1]), render_with_bodies(3, "val", 1, 64, 96, decoys=True)[0])
    with pytest.raises(DatasetError, match="other settings .*decoys 1 there"):
        generate_boxes(tmp_path / "s", box_settings(**settings))


def test_a_decoy_says_nothing_about_its_body():
    random, view = np.random.default_rng(5), look(np.random.default_rng(5), 128, 192)
    for kind, classes in KINDS.items():
        for name in classes:
            body = Body(kind, name, 96, 110, 20, 20)
            drawn = [decoy_of(view, random, body, [*body.bounds(1)]) for _ in range(2000)]
            for other in classes:
                assert abs(sum(each.name == other for each in drawn) / 2000 - 1 / len(classes)) < 0.05, (name, other)
            assert abs(sum(each.up > 1 for each in drawn) / 2000 - 0.5) < 0.05


def test_a_decoy_hides_nothing():
    view, body = look(np.random.default_rng(5), 128, 192), Body("figure", "person", 96, 110, 20, 20)
    random, (whole, mast) = np.random.default_rng(5), body.bounds(1)
    taken = [whole, mast, (mast[0] - 5, mast[1] - 5, mast[0] + 1, mast[1] - 4)]
    assert {decoy_of(view, random, body, taken).up for _ in range(50)} == {min(DECOYS)} and len(taken) == 3
    tall = Body("figure", "person", 96, 110, 20, 38)
    assert {decoy_of(view, random, tall, [*tall.bounds(1)]).up for _ in range(50)} == {min(DECOYS)}
