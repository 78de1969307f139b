# SPDX-License-Identifier: Apache-2.0
"""python -m deeplab.inspect and what reads a run's folder, on small networks that were just trained."""

from __future__ import annotations

import mxnet as mx
import numpy as np
import pytest
from PIL import Image

from deeplab.data import load_dataset
from deeplab.system import SYSTEM
from lib.commands import inspect
from lib.looking import look as looks
from lib.pictures.runs import Run, RunError, find_run, runs_in
from lib.predictors import predictor
from lib.run import checkpoint, params


@pytest.fixture
def place(trained, monkeypatch):
    monkeypatch.chdir(trained)
    monkeypatch.setattr(inspect, "DPI", 40)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # as the runs' run.threads: MXNet is loaded here already
    return trained


def picture(place):
    return sorted((place / "streets/leftImg8bit/val").glob("*/*.png"))[0]


def test_inspect_writes_every_picture_of_a_deformable_run(place, capsys):
    assert inspect.main(["quick_dcn", str(picture(place)), "--at", "20,30"]) == 0
    out = place / "output/streets/quick_dcn/inspect" / picture(place).stem
    layers = ("res5a_branch2b", "res5b_branch2b")
    expected = {
        "sampling.png",
        "page.html",
        *(f"{kind}_{name}.png" for kind in ("field", "histogram") for name in layers),
    }
    assert {line.rpartition("/")[2] for line in capsys.readouterr().out.splitlines()} == expected
    assert {path.name for path in out.glob("[!.]*")} == expected | {"look.npz"}
    look = looks.load(out / "look.npz")
    run = find_run("quick_dcn")
    cfg = run.settings()
    dataset = load_dataset(cfg, cfg.dataset.test_image_set)
    image, truth = dataset.pair(dataset.records[0])
    assert np.array_equal(look.image, image) and np.array_equal(look.truth, truth)
    assert np.array_equal(look.prediction, predictor(SYSTEM, cfg).picture(image))
    assert [layer.name for layer in look.layers] == list(layers)


def test_offsets_of_a_look_are_those_that_the_branch_computes(place):
    """Against a forward pass by hand: the branch's own convolution of the features that it gets."""
    run = find_run("quick_dcn")
    look = run.look()
    cfg = run.settings()
    data = (look.image - np.array(cfg.network.PIXEL_MEANS)[::-1]).transpose(2, 0, 1)[None]
    before = "res5b_branch2a_relu_output"
    features = mx.nd.array(predictor(SYSTEM, cfg).engine.compute({"data": data}, [before])[before])
    weights = run.arrays(run.last)
    weight, bias = (mx.nd.array(weights[f"res5b_branch2b_offset_{end}"]) for end in ("weight", "bias"))
    offset = mx.nd.Convolution(features, weight, bias, kernel=(3, 3), pad=(1, 1), num_filter=18).asnumpy()[0]
    layer = look.layers[1]
    assert np.abs(offset).max() > 0.01, "the run has learned nothing that could be compared"
    for tap in range(9):  # channel 2 t is y, 2 t + 1 is x
        assert np.allclose(layer.offset[0, tap, 0], offset[2 * tap], atol=2e-3)
        assert np.allclose(layer.offset[0, tap, 1], offset[2 * tap + 1], atol=2e-3)


def test_inspect_of_one_active_layer_of_a_picture_without_truth_at_another_size(place, tmp_path, capsys):
    Image.open(picture(place)).resize((48, 32)).save(tmp_path / "small.png")
    arguments = ["output/streets/quick_acn", str(tmp_path / "small.png"), "--out", str(tmp_path / "out")]
    assert inspect.main([*arguments, "--layer", "res5b_branch2b", "--at", "10,20"]) == 0
    files = {path.name for path in (tmp_path / "out").glob("[!.]*")}
    field = "field_res5b_branch2b.png"
    assert files == {"sampling.png", "taps.png", "taps.gif", "offsets.txt", "page.html", "look.npz", field}
    look = looks.load(tmp_path / "out" / "look.npz")
    assert look.truth is None and look.zoom == 2 and look.image.shape == (64, 96, 3)
    assert '"pixel":[21,41]' in (tmp_path / "out/page.html").read_text()
    text = (tmp_path / "out/offsets.txt").read_text().splitlines()
    offset = find_run("quick_acn").offsets(2)["res5b_branch2b"][0, 0]
    assert text[0] == "res5b_branch2b_offset" and text[1].startswith(
        f"({offset[0, 0, 0]:6.2f}, {offset[0, 0, 1]:6.2f})"
    )


@pytest.mark.parametrize(
    "arguments, told",
    [
        (
            ["nothing"],
            "nothing is neither a configuration nor a run. no run nothing: there is no such folder; runs in output: ",
        ),
        (
            ["streets"],
            "streets is no run: it has no <image set>/run.json of a training; streets has gtFine, leftImg8bit",
        ),
        (["quick_acn", "--at", "64,0"], "--at 64,0: outside the picture, whose y is 0 to 63 and x 0 to 95"),
        (["quick_acn", "--at", "1;2"], "--at 1;2: expected two whole numbers y,x such as 64,96"),
        (["quick_acn", "--layer", "res5"], "--layer res5: quick_acn has res5a_branch2b, res5b_branch2b"),
        (["quick_acn", "--epoch", "7"], "deeplab-0007.params does not exist; the folder has deeplab-0001.params"),
    ],
)
def test_what_cannot_be_inspected_is_told(place, capsys, arguments, told):
    assert inspect.main([arguments[0], str(picture(place)), *arguments[1:]]) == 1
    assert told in capsys.readouterr().err
    assert inspect.main(["quick_acn", "no.png"]) == 1
    assert "no.png: no such file" in capsys.readouterr().err


def test_run_gives_what_training_left(place):
    active, deformable = runs_in("output/streets")
    assert (active.kind, deformable.kind, active.epochs) == ("active", "deformable", [1, 2])
    epochs, stacks = active.offsets_over_epochs()
    assert epochs == [0, 1, 2] and not stacks["res5a_branch2b"][0].any() and stacks["res5a_branch2b"][2].any()
    weights = active.arrays(2)
    assert np.array_equal(weights["res5a_branch2b_offset"], stacks["res5a_branch2b"][2])
    before = active.before({"conv1_weight": weights["conv1_weight"]})["conv1_weight"]
    assert before.std() == pytest.approx(np.sqrt(2 / 147), rel=0.2) and not np.array_equal(
        before, weights["conv1_weight"]
    )
    sample = deformable.offset_sample(2)
    assert sample["res5a_branch2b"].shape == (2, 1, 9, 2, 8, 12)
    assert np.array_equal(
        deformable.offset_sample(1)["res5a_branch2b"], sample["res5a_branch2b"][:1].astype(np.float16)
    )
    all_there_are = deformable.offset_sample(99)["res5a_branch2b"]
    stored = next((deformable.folder / "inspect").glob("offsets-*.npz"))
    made = stored.stat().st_mtime_ns
    assert len(all_there_are) == 4 and len(deformable.offset_sample(99)["res5a_branch2b"]) == 4
    assert stored.stat().st_mtime_ns == made  # more than there are were asked for: nothing to make again
    with pytest.raises(RunError, match="holds no trained run"):
        runs_in("streets")
    with pytest.raises(RunError, match="no such folder; output/streets has quick_acn, quick_dcn"):
        Run("output/streets/none")


def test_what_was_stored_of_other_parameters_is_made_again(place):
    run = Run("output/streets/quick_dcn")
    assert run.look().checkpoint == checkpoint.digest(f"{run.prefix}-0002.params")
    run.offset_sample(1)
    path = run.prefix.with_name(f"{run.prefix.name}-0002.params")
    kept = path.read_bytes()
    before = next((run.folder / "inspect").glob("offsets-*.npz")).stat().st_mtime_ns
    arg, aux = params.load(path)
    try:
        first = min(arg)
        params.save(path, {**arg, first: arg[first] + 1}, aux)  # as after training once more
        assert run.look().checkpoint == checkpoint.digest(path)
        run.offset_sample(1)
        assert next((run.folder / "inspect").glob("offsets-*.npz")).stat().st_mtime_ns != before
    finally:
        path.write_bytes(kept)
