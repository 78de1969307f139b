# SPDX-License-Identifier: Apache-2.0
"""A small tracker through every command: trained, tested, drawn, let loose on a film."""

from __future__ import annotations

import json
import shutil
from importlib.util import find_spec

import numpy as np
import pytest
from calls import call
from PIL import Image
from tracker_configs import CONFIGS

from lib.data.picture_file import DatasetError
from lib.data.sequences import read_regions
from lib.data.video import frames
from operators.extras import MissingExtra
from tracking.looker import read_strips
from tracking.run import main, parse_box

pytest.importorskip("torch", reason="PyTorch is not installed")

SMALL = {
    "BASE": str(CONFIGS / "quick_tracker.yaml"),
    "dataset": {"generated": {"train": 3, "val": 3, "frames": 14, "height": 96, "width": 96, "seed": 100}},
    "net": {"width": 4, "channels": 4},
    "run": {"threads": 1},
    "TRAIN": {"end_epoch": 2, "BATCH_IMAGES": 8, "PAIRS": 16},
    "TEST": {"EAO": [2, 5], "BURN_IN": 2},
    "default": {"frequent": 1},
}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    place = tmp_path_factory.mktemp("tracking")
    (place / "small.yaml").write_text(json.dumps(SMALL))  # JSON is YAML
    call(place, "lib.commands.train", "small.yaml")
    call(place, "lib.commands.test", "small.yaml", "--both")
    return place


def test_results_say_what_was_measured_as_a_whole_and_by_kind(place):
    folder = place / "output/tracking/small/val"
    found, zero = (json.loads((folder / f"results{end}.json").read_text()) for end in ("", "_zero_offsets"))
    assert (found["metric"], found["images"], found["system"]) == ("AUC", 42, "tracking")
    assert set(found["parts"]) == {"rigid", "growing", "deforming"} and found["interval"] == [2, 5]
    assert (
        found["value"] == pytest.approx(np.mean(found["success"])) == pytest.approx(np.mean([*found["parts"].values()]))
    )
    assert found["failures"] == sum(each["failures"] for each in found["by_part"].values())
    assert zero["sha256"] == found["sha256"] and zero["zero_offsets"]
    lines = [
        json.loads(line) for line in (place / "output/tracking/small/train/metrics.jsonl").read_text().splitlines()
    ]
    epochs = [line for line in lines if line["event"] == "epoch"]
    assert len(epochs) == 2 and epochs[0]["loss"] == pytest.approx(epochs[0]["ClassLoss"] + epochs[0]["BoxLoss"])


def test_the_summary_shows_films_and_where_the_layer_looks(place):
    said = call(place, "lib.commands.summary", "small.yaml")
    assert "small: AUC 0." in said and "with its offsets set to 0" in said
    with Image.open(place / "output/tracking/small/summary.png") as picture:
        assert picture.width > 1200 and picture.height > 1000
        assert len(picture.convert("RGB").getcolors(1 << 24)) > 500
    with Image.open(place / "output/tracking/small/tracked.gif") as clip:
        assert clip.n_frames == 14 and clip.width == 3 * 384


def test_looks_along_some_films_are_kept(place):
    strips = read_strips(place / "output/tracking/small/val/results")
    assert len(strips) == 3 and all(
        [look.picture for look in strip] == [f"{film} {frame}" for frame in (1, 3, 6, 8, 11, 13)]
        for film, strip in strips.items()
    )


def test_a_summary_tells_which_looks_are_missing(place, tmp_path):
    shutil.copytree(place, tmp_path, dirs_exist_ok=True)
    for path in (tmp_path / "output/tracking/small/val/results").glob("look_growing_*.npz"):
        path.unlink()
    said = call(tmp_path, "lib.commands.summary", "small.yaml", status=1)
    assert "results: has no look_growing_001_0.npz; evaluate again" in said


def test_another_evaluation_takes_the_place_of_the_first_as_a_whole(place, tmp_path):
    shutil.copytree(place, tmp_path, dirs_exist_ok=True)
    short = ["dataset.dataset_path=short", "dataset.generated.frames=3"]
    call(tmp_path, "lib.commands.test", "small.yaml", *short)
    results = tmp_path / "output/tracking/small/val/results"
    assert {film: len(strip) for film, strip in read_strips(results).items()} == {
        "rigid_000": 2, "growing_001": 2, "deforming_002": 2
    }  # fmt: skip
    said = call(tmp_path, "lib.commands.summary", "small.yaml", *short)
    assert "AUC" in said and "with its offsets set to 0" not in said  # that was measured on the first films
    said = call(tmp_path, "lib.commands.summary", "small.yaml", status=1)
    assert "boxes.npz: expected a box for each of 14 frames of rigid_000, got 3; evaluate again" in said


def test_a_folder_of_pictures_is_followed(place):
    film = place / "data/films/val/growing_001"
    x, y, width, height = read_regions(film / "groundtruth.txt")[0]
    said = call(place, "tracking.run", str(film), "--box", f"{x},{y},{width},{height}", "--run", "small.yaml",
                "--out", "followed")  # fmt: skip
    assert said.split()[-1] == "followed/strip.png"
    boxes, scores = read_regions(place / "followed/boxes.txt"), np.loadtxt(place / "followed/scores.txt")
    assert boxes.shape == (14, 4) and boxes[0].tolist() == [x, y, width, height] and scores[0] == 1
    stored = np.load(place / "output/tracking/small/val/results/boxes.npz")["growing_001"]
    np.testing.assert_allclose(boxes, stored, atol=0.006)  # the evaluation's one pass


def test_a_target_may_reach_out_of_the_frame_and_no_film_is_followed_in_vain(place, monkeypatch, capsys):
    monkeypatch.chdir(place)
    monkeypatch.setattr("tracking.run.use_threads", lambda _: None)  # MXNet may be loaded here with other threads
    film = ["data/films/val/growing_001", "--run", "small.yaml"]
    assert main([*film, "--box", "-5,-3,16,16", "--out", "beyond"]) == 0
    assert read_regions(place / "beyond/boxes.txt")[0].tolist() == [-5, -3, 16, 16]
    assert main([*film, "--box", "1,1,70000,70000", "--out", "beyond"]) == 1
    assert "crop: expected a square of at most 1536 pixels of a picture of 96 x 96" in capsys.readouterr().err
    monkeypatch.setattr("tracking.run.follow", lambda *_: pytest.fail("followed"))
    assert main([*film, "--box", "1,1,9,9", "--out", "small.yaml"]) == 1
    assert "File exists: 'small.yaml'" in capsys.readouterr().err


@pytest.mark.skipif(find_spec("imageio") is None, reason="imageio is not installed")
def test_a_video_file_is_a_film_too(tmp_path):
    import imageio.v3 as imageio

    shown = np.random.default_rng(0).integers(0, 255, (3, 16, 24, 3), dtype=np.uint8)
    imageio.imwrite(tmp_path / "film.gif", shown)
    assert [each.shape for each in frames(tmp_path / "film.gif")] == [(16, 24, 3)] * 3


def test_what_is_no_film_or_no_box_is_told(tmp_path, capsys):
    with pytest.raises(DatasetError, match="no such film; expected a folder of pictures or a video file"):
        frames(tmp_path / "none")
    with pytest.raises(DatasetError, match="has no pictures"):
        frames(tmp_path)
    (tmp_path / "text.mp4").write_text("no film")
    with pytest.raises(DatasetError if find_spec("imageio") else MissingExtra, match="imageio"):
        next(frames(tmp_path / "text.mp4"))
    assert parse_box("1,2,3.5,4").tolist() == [1, 2, 3.5, 4]
    for wrong in ("1,2,3", "1,2,0,4", "a,b,c,d", "1,2,nan,4"):
        with pytest.raises(ValueError, match=f"--box {wrong}: expected x,y,width,height"):
            parse_box(wrong)
    assert main([str(tmp_path / "none"), "--box", "1,2,3,4"]) == 1
    assert "no such film" in capsys.readouterr().err
