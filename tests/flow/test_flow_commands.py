# SPDX-License-Identifier: Apache-2.0
"""A small FlowNet through every command: trained by one engine, gone on with by the other, tested, drawn, asked."""

from __future__ import annotations

import json

import numpy as np
import pytest
from calls import call
from flows import CONFIGS, ENGINES, config
from PIL import Image

from flow.system import SYSTEM
from lib.config import ConfigError
from lib.data.flow_files import read_flow
from lib.run import checkpoint

SMALL = {
    "BASE": str(CONFIGS / "quick_flow.yaml"),
    "output_path": "output",
    "dataset": {
        "dataset_path": "shapes",
        "generated": {"train": 12, "test": 5, "height": 64, "width": 72, "seed": 100},
    },
    "net": {"width": 2, "lsdfn": {"num_filter": 2, "channels": 3, "hidden": 4, "post": 2}},
    "run": {"threads": 1, "precision": "float64"},
    "augment": {"rotation": 5},
    "TRAIN": {"end_epoch": 4, "BATCH_IMAGES": 2, "lr": 0.001},
    "default": {"frequent": 2},
}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    place = tmp_path_factory.mktemp("flow")
    (place / "small.yaml").write_text(json.dumps(SMALL))  # JSON is YAML
    call(place, "lib.commands.train", "small.yaml", f"engine={ENGINES[0]}")
    call(place, "lib.commands.test", "small.yaml", f"engine={ENGINES[-1]}")
    return place


def losses(place, run) -> np.ndarray:
    lines = [json.loads(line) for line in (place / f"output/{run}/train/metrics.jsonl").read_text().splitlines()]
    return np.array([line["loss"] for line in lines if line["event"] == "update"])


def state(place, run):
    prefix = place / f"output/{run}/train/flow"
    return checkpoint.find(prefix, 4).read_bytes(), checkpoint.read_momentum(prefix, 4)


def test_results_say_errors_by_part_and_those_of_no_network(place):
    found = json.loads((place / "output/small/test/results.json").read_text())
    assert (found["metric"], found["images"], found["system"]) == ("EPE", 5, "flow")
    assert {"0-5 px", "near edges", "unoccluded", "occluded"} <= found["parts"].keys()
    assert found["edges"] == found["parts"]["near edges"] and found["value"] > 0
    floors = {name: each["all"] for name, each in found["floors"].items()}
    assert floors["affine"] < floors["zero"] and set(floors) == {"zero", "mean", "affine"}


def test_an_interrupted_run_goes_on_exactly(place):
    """With Adam: its means and counts are in the checkpoint."""
    run = ["small.yaml", "run.name=parts", f"engine={ENGINES[0]}"]
    call(place, "lib.commands.train", *run, "TRAIN.end_epoch=2")
    call(place, "lib.commands.train", *run)
    np.testing.assert_array_equal(losses(place, "parts"), losses(place, "small"))
    (arg, held), (other, theirs) = (state(place, name) for name in ("parts", "small"))
    assert arg == other and held.keys() == theirs.keys() and held["conv1_weight.updates"] == 24
    assert all(np.array_equal(held[key], theirs[key]) for key in held)


@pytest.mark.skipif(len(ENGINES) < 2, reason="one of the frameworks is not installed")
def test_a_run_begun_by_one_engine_goes_on_in_the_other(place):
    call(place, "lib.commands.train", "small.yaml", "run.name=both", f"engine={ENGINES[1]}", "TRAIN.end_epoch=2")
    said = call(place, "lib.commands.train", "small.yaml", "run.name=both", f"engine={ENGINES[0]}")
    assert f"engine {ENGINES[0]} goes on from what {ENGINES[1]} has trained" in said
    assert len(losses(place, "both")) == 24
    np.testing.assert_allclose(losses(place, "both"), losses(place, "small"), rtol=1e-8)


def test_the_summary_shows_pairs_errors_and_samples(place):
    said = call(place, "lib.commands.summary", "small.yaml")
    assert "small: end-point error" in said and "without a network: zero" in said
    with Image.open(place / "output/small/summary.png") as picture:
        assert picture.width > 1200 and picture.height > 800
        assert len(picture.convert("RGB").getcolors(1 << 24)) > 500


def test_any_two_pictures_have_a_flow(place):
    random = np.random.default_rng(0)
    for name in "ab":
        Image.fromarray(random.integers(0, 256, (67, 90, 3)).astype(np.uint8)).save(place / f"{name}.png")
    said = call(place, "flow.predict", "a.png", "b.png", "--run", "small.yaml", "--out", "told")
    assert "pixels move by" in said
    flow = read_flow(place / "told/a_flow.flo")
    assert flow.shape == (67, 90, 2) and np.isfinite(flow).all()
    with Image.open(place / "told/a_flow.png") as drawn:
        assert drawn.size == (3 * 180 + 12, 134 + 22)
    Image.new("RGB", (90, 66)).save(place / "c.png")
    said = call(place, "flow.predict", "a.png", "c.png", "--run", "small.yaml", status=1)
    assert "both pictures must have one size, got 90 x 67 and 90 x 66" in said
    with pytest.raises(ConfigError, match="flow is between two pictures: python -m flow.predict FIRST SECOND"):
        SYSTEM.draw(config("quick_flow"), None, None)
