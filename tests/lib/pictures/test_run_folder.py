# SPDX-License-Identifier: Apache-2.0
"""Which of a run's folders is its training, where evaluations have left a run.json too."""

from __future__ import annotations

import json

import pytest

from lib.commands.arguments import parse, parser, read_config_or_run
from lib.config import as_dict
from lib.pictures.runs import Run, RunError, find_run, find_tested, runs_in
from lib.system import read


def leave(folder, name, **dataset):
    config = {"symbol": "resnet_v1_dcn", "dataset": dataset, "TRAIN": {"model_prefix": "m"}}
    (folder / name).mkdir(parents=True)
    (folder / name / "run.json").write_text(json.dumps({"config": config}))


@pytest.mark.parametrize(("trained", "tested"), [
    ("leftImg8bit_train", "leftImg8bit_test"),
    ("2012_train_seg", "2007_test"),
    ("2007_trainval+2012_trainval", "2007_test"),
])  # fmt: skip
def test_training_is_the_folder_of_the_training_set(tmp_path, trained, tested):
    sets = {"image_set": trained, "test_image_set": tested}
    for name in (tested, trained.replace("+", "_")):
        leave(tmp_path / "a", name, **sets)
    run = Run(tmp_path / "a")
    assert run.training == tmp_path / "a" / trained.replace("+", "_") and run.prefix.name == "m"


def test_folder_with_an_evaluation_alone_is_no_run(tmp_path):
    leave(tmp_path / "a", "2007_test", image_set="2007_train", test_image_set="2007_test")
    with pytest.raises(RunError, match="a is no run: it has no <image set>/run.json of a training; .*a has 2007_test"):
        Run(tmp_path / "a")
    with pytest.raises(RunError, match="holds no trained run"):
        runs_in(tmp_path)


def test_a_name_that_is_no_run_is_answered_with_each_run_once(tmp_path):
    for name in ("2007_train", "2007_test"):
        leave(tmp_path / "voc/a", name, image_set="2007_train", test_image_set="2007_test")
    (tmp_path / "voc/a/2007_train/m-0001.json").write_text("{}")  # a start that failed early has none
    with pytest.raises(RunError, match=f"no run b: .*runs in {tmp_path}: {tmp_path}/voc/a$"):
        find_run("b", tmp_path)


def test_a_run_is_told_with_its_number_and_a_missing_one_with_what_makes_it(tmp_path, capsys):
    leave(tmp_path / "voc/a", "2007_train", image_set="2007_train", test_image_set="2007_test")
    assert find_tested("a", tmp_path) is None and find_tested("b", tmp_path) is None
    assert capsys.readouterr().out.splitlines() == [
        f"no tested run {name} in {tmp_path}: ./train.sh {name} makes one" for name in "ab"
    ]
    (tmp_path / "voc/a/2007_test").mkdir()
    (tmp_path / "voc/a/2007_test/results.json").write_text('{"metric": "mAP", "value": 0.25, "epoch": 3}')
    assert find_tested("a", tmp_path).kept == tmp_path / "voc/a/2007_test/results"
    assert capsys.readouterr().out == "a: mAP 0.250 after 3 epochs\n"
    assert find_tested("a", tmp_path, "look_*.npz") is None
    assert capsys.readouterr().out.endswith("/voc/a/2007_test/results has no look_*.npz: ./test.sh a makes it\n")


def test_a_setting_that_means_another_run_is_not_passed_over(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    _, cfg = read("quick_acn", [])
    (place := tmp_path / "output/streets/quick_acn" / cfg.dataset.image_set).mkdir(parents=True)
    (place / "run.json").write_text(json.dumps({"config": as_dict(cfg), "system": "deeplab"}))

    def found(*words):
        return read_config_or_run(parse(parser("inspect", "", "CONFIG-or-RUN"), list(words)), run_first=True)[1:]

    assert found("quick_acn", "run.threads=1")[1].name == "quick_acn"
    cfg, run = found("quick_acn", "run.name=quick_acn_torch")
    assert cfg.run.name == "quick_acn_torch" and run is None
    for setting in ("run.name=other", "output_path=elsewhere", "OVER=small.yaml"):
        with pytest.raises(RunError, match=f"{setting}: output/streets/quick_acn is a run and keeps what it is"):
            found("output/streets/quick_acn", setting)
