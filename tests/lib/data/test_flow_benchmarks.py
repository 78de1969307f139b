# SPDX-License-Identifier: Apache-2.0
"""MPI Sintel's and KITTI's folders, made small and read."""

from __future__ import annotations

import numpy as np
import png
import pytest
from PIL import Image

from flow.data import READERS
from flow.evaluation import evaluate
from flow.schema import DATASETS, load
from lib.config import ConfigError
from lib.data.flow_files import known, write_flow
from lib.data.kitti_flow import KittiFlow, read_flow_png
from lib.data.picture_file import DatasetError
from lib.data.sintel import Sintel

RANDOM = np.random.default_rng(5)


def picture(path, size=(6, 8), mode="RGB"):
    path.parent.mkdir(parents=True, exist_ok=True)
    values = RANDOM.integers(0, 256, (*size, 3) if mode == "RGB" else size, np.uint8)
    Image.fromarray(values, mode).save(path)
    return values


def mask(path, where):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(where.astype(np.uint8) * 255).save(path)


def flow_png(path, u, v, there):
    """As KITTI's development kit writes it: 16 bits, u * 64 + 2^15."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = np.stack([u * 64 + 2**15, v * 64 + 2**15, there], -1).astype(np.uint16)
    with path.open("wb") as file:
        png.Writer(rows.shape[1], rows.shape[0], greyscale=False, bitdepth=16).write(
            file, rows.reshape(len(rows), -1).tolist()
        )


@pytest.fixture
def sintel(tmp_path):
    training = tmp_path / "training"
    for scene, frames in (("ambush_2", 3), ("alley_1", 2)):
        for number in range(1, frames + 1):
            for each in ("clean", "final"):
                picture(training / each / scene / f"frame_{number:04d}.png")
            if number < frames:
                flow = training / f"flow/{scene}/frame_{number:04d}.flo"
                flow.parent.mkdir(parents=True, exist_ok=True)
                write_flow(flow, np.full((6, 8, 2), number, np.float32))
                hidden, wrong = np.zeros((2, 6, 8), bool)
                hidden[0, :4], wrong[5, 7] = True, True
                mask(training / f"occlusions/{scene}/frame_{number:04d}.png", hidden)
                mask(training / f"invalid/{scene}/frame_{number:04d}.png", wrong)
    return tmp_path


@pytest.fixture
def kitti(tmp_path):
    """Of 2015; the second pair is a pixel wider, as some of KITTI's are."""
    for number, width in ((0, 8), (1, 9)):
        size, name = (6, width), f"{number:06d}_10.png"
        picture(tmp_path / "training/image_2" / name, size)
        picture(tmp_path / "training/image_2" / f"{number:06d}_11.png", size)
        there = np.zeros(size, bool)
        there[3:] = True
        flow_png(tmp_path / "training/flow_occ" / name, np.full(size, -2.5), np.full(size, 511.984375), there)
        there[3] = False
        flow_png(tmp_path / "training/flow_noc" / name, np.full(size, -2.5), np.full(size, 511.984375), there)
    return tmp_path


def test_sintel(sintel):
    data = Sintel(sintel, "final")
    assert data.records == ["alley_1_frame_0001", "ambush_2_frame_0001", "ambush_2_frame_0002"] and len(data) == 3
    pair = data.pair("ambush_2_frame_0002")
    final = sintel / "training/final/ambush_2"
    np.testing.assert_array_equal(pair.first, np.array(Image.open(final / "frame_0002.png")))
    np.testing.assert_array_equal(pair.second, np.array(Image.open(final / "frame_0003.png")))
    assert (pair.flow[known(pair.flow)] == 2).all() and known(pair.flow).sum() == 47 and not known(pair.flow)[5, 7]
    assert pair.occluded.sum() == 4 and pair.occluded[0, :4].all()
    assert not np.array_equal(Sintel(sintel, "clean").pair("ambush_2_frame_0002").first, pair.first)


def test_what_is_wrong_with_sintel_is_told(sintel, tmp_path):
    with pytest.raises(DatasetError, match="image set 'test': MPI Sintel has clean, final"):
        Sintel(sintel, "test")
    with pytest.raises(DatasetError, match="flow has no scene with frame_0001.flo"):
        Sintel(tmp_path / "elsewhere", "clean")
    (sintel / "training/clean/alley_1/frame_0002.png").unlink()
    with pytest.raises(DatasetError, match=r"alley_1/frame_0002.png: no such file.*\(1 are missing\)"):
        Sintel(sintel, "clean")
    mask(sintel / "training/occlusions/alley_1/frame_0001.png", np.zeros((6, 7), bool))
    with pytest.raises(DatasetError, match="occlusions/alley_1/frame_0001.png: 7 x 6 pixels"):
        Sintel(sintel, "final").pair("alley_1_frame_0001")
    mask(sintel / "training/invalid/ambush_2/frame_0001.png", np.zeros((5, 8), bool))
    with pytest.raises(DatasetError, match="invalid/ambush_2/frame_0001.png: 8 x 5 pixels"):
        Sintel(sintel, "final").pair("ambush_2_frame_0001")


@pytest.mark.parametrize("what", ["occlusions", "invalid"])
def test_a_folder_that_tells_of_some_pairs_alone_is_told(sintel, what):
    files = sorted((sintel / "training" / what).rglob("*.png"))
    files[1].unlink()
    with pytest.raises(DatasetError, match=rf"{what}/ambush_2/frame_0001.png: no such file, though 2 of 3 pairs"):
        Sintel(sintel, "final")
    for path in (files[0], files[2]):
        path.unlink()
    assert len(Sintel(sintel, "final")) == 3


def test_kitti(kitti):
    data = KittiFlow(kitti, "training")
    assert data.records == ["000000_10", "000001_10"]
    pair = data.pair("000000_10")
    assert pair.first.shape == (6, 8, 3) and not np.array_equal(pair.first, pair.second)
    np.testing.assert_array_equal(known(pair.flow), np.arange(6)[:, None] + np.zeros(8) >= 3)
    assert (pair.flow[3:] == np.float32([-2.5, 511.984375])).all()
    np.testing.assert_array_equal(pair.occluded, np.arange(6)[:, None] + np.zeros(8) == 3)
    (kitti / "training/image_2").rename(kitti / "training/colored_0")
    np.testing.assert_array_equal(KittiFlow(kitti, "training").pair("000000_10").first, pair.first)  # 2012
    for path in (kitti / "training/flow_noc").iterdir():
        path.unlink()
    assert KittiFlow(kitti, "training").pair("000000_10").occluded is None


def test_what_is_wrong_with_kitti_is_told(kitti, tmp_path):
    with pytest.raises(DatasetError, match="image set 'train': KITTI has training"):
        KittiFlow(kitti, "train")
    with pytest.raises(DatasetError, match="has no flow_occ/000000_10.png, or none of the folders image_2"):
        KittiFlow(tmp_path / "elsewhere", "training")
    wrong = kitti / "training/flow_occ/000000_10.png"
    content = wrong.read_bytes()
    wrong.write_bytes(content[: len(content) // 2])
    with pytest.raises(DatasetError, match="flow_occ/000000_10.png: broken PNG"):
        read_flow_png(wrong)
    picture(wrong)
    with pytest.raises(DatasetError, match="3 channels of 8 bits, expected 3 of 16"):
        read_flow_png(wrong)
    with pytest.raises(DatasetError, match="nowhere.png: No such file"):
        read_flow_png(tmp_path / "nowhere.png")
    flow_png(wrong, np.zeros((6, 7)), np.zeros((6, 7)), np.ones((6, 7)))
    with pytest.raises(DatasetError, match=r"flow_occ/000000_10.png: 7 x 6 pixels .* has 8 x 6"):
        KittiFlow(kitti, "training").pair("000000_10")
    flow_png(wrong, np.zeros((6, 8)), np.zeros((6, 8)), np.ones((6, 8)))
    flow_png(kitti / "training/flow_noc/000000_10.png", np.zeros((5, 8)), np.zeros((5, 8)), np.ones((5, 8)))
    with pytest.raises(DatasetError, match=r"flow_noc/000000_10.png: 8 x 5 pixels .* has 8 x 6"):
        KittiFlow(kitti, "training").pair("000000_10")


class Guess:
    """A network that says (-2.5, 510) everywhere."""

    def flows(self, pairs):
        assert len({pair[0].shape for pair in pairs}) == 1  # of one size
        return np.full((len(pairs), *pairs[0][0].shape[:2], 2), (-2.5, 510), np.float32)


def test_pairs_of_several_sizes_are_evaluated(kitti, tmp_path):
    import logging

    cfg = load("experiments/flow/cfgs/table/s_plain.yaml", [
        "dataset.dataset=kitti", f"dataset.dataset_path={kitti}", "dataset.image_set=training",
        "dataset.test_image_set=training"])  # fmt: skip
    found = evaluate(cfg, Guess(), tmp_path / "out", True, logging.getLogger("test"))
    assert found["images"] == 2 and found["value"] == pytest.approx(1.984375)
    assert found["parts"]["occluded"] == pytest.approx(1.984375)
    assert found["floors"]["zero"]["all"] == pytest.approx(np.hypot(2.5, 511.984375))


def test_every_set_of_a_configuration_has_a_reader():
    assert set(DATASETS) == set(READERS)
    with pytest.raises(ConfigError, match="dataset.image_set: expected one of .*'clean', .*got 'validation'"):
        load("experiments/flow/cfgs/table/s_plain.yaml", ["dataset.image_set=validation"])
