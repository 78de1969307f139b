# SPDX-License-Identifier: Apache-2.0
"""A small classifier through every command: trained, tested, looked at, drawn."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from calls import call
from configured import CONFIGS, ENGINES
from PIL import Image

from classify.looker import read_looks

SMALL = {
    "BASE": str(CONFIGS / "quick_digits.yaml"),
    "dataset": {
        "generated": {"train": 40, "test": 20},
        "zoom": {"train": [0.8, 1.2], "test": [0.5, 1.6]},
    },
    "run": {"threads": 1},
    "TRAIN": {"end_epoch": 2, "BATCH_IMAGES": 8},
    "default": {"frequent": 2},
}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    place = tmp_path_factory.mktemp("classify")
    (place / "small.yaml").write_text(json.dumps(SMALL))  # JSON is YAML
    call(place, "lib.commands.train", "small.yaml", f"engine={ENGINES[0]}")
    call(place, "lib.commands.test", "small.yaml", "--both", f"engine={ENGINES[-1]}")
    return place


def test_results_say_accuracy_as_a_whole_and_by_scale(place):
    folder = place / "output/digits/small/test"
    found, zero = (json.loads((folder / f"results{end}.json").read_text()) for end in ("", "_zero_offsets"))
    assert (found["metric"], found["images"], found["system"]) == ("accuracy", 20, "classify")
    assert found["value"] == np.trace(found["confusion"]) / 20 and np.sum(found["confusion"]) == 20
    assert all(name.count("-") == 1 and 0 <= value <= 1 for name, value in found["parts"].items())
    assert zero["sha256"] == found["sha256"] and zero["zero_offsets"]
    lines = [json.loads(line) for line in (place / "output/digits/small/train/metrics.jsonl").read_text().splitlines()]
    epochs = [line for line in lines if line["event"] == "epoch"]
    assert len(epochs) == 2 and {"loss", "Accuracy"} <= epochs[0].keys()


def test_the_training_pictures_are_told_by_their_own_scales(place):
    call(place, "lib.commands.test", "small.yaml", "dataset.test_image_set=train")
    found = json.loads((place / "output/digits/small/train/results.json").read_text())
    edges = [float(edge) for name in found["parts"] for edge in name.split("-")]
    assert found["images"] == 40 and len(found["parts"]) > 5 and min(edges) >= 0.8 and max(edges) <= 1.2


def test_the_summary_shows_pictures_and_where_the_layer_looks(place):
    said = call(place, "lib.commands.summary", "small.yaml")
    assert "small: accuracy 0." in said and "with its offsets set to 0" in said
    with Image.open(place / "output/digits/small/summary.png") as picture:
        assert picture.width > 1200 and picture.height > 800
        assert len(picture.convert("RGB").getcolors(1 << 24)) > 500


def test_another_evaluation_takes_the_place_of_the_first_as_a_whole(place, tmp_path):
    shutil.copytree(place, tmp_path, dirs_exist_ok=True)
    other = ["dataset.dataset_path=other", "dataset.generated.test=5", "dataset.generated.seed=9"]
    call(tmp_path, "lib.commands.test", "small.yaml", *other)
    assert set(read_looks(tmp_path / "output/digits/small/test/results")) == {0, 1, 2, 3, 4}
    said = call(tmp_path, "lib.commands.summary", "small.yaml", status=1)
    assert "results: has looks at pictures [0, 1, 2, 3, 4], expected [" in said and "; evaluate again" in said


def test_a_picture_of_any_size_is_inspected_and_named(place):
    picture = np.full((90, 70, 3), 20, np.uint8)
    picture[20:70, 30:40] = 240
    Image.fromarray(picture).save(place / "one.png")
    assert "page.html" in call(place, "lib.commands.inspect", "small.yaml", "one.png")
    drawn = call(place, "lib.commands.predict", "small.yaml", "one.png").split()[-1]
    with Image.open(place / drawn) as made:
        assert made.size == (336, 336 + 72)
