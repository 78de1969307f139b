# SPDX-License-Identifier: Apache-2.0
"""What the programs and scripts do around the network: names of files, warnings, silence, paths from other folders."""

from __future__ import annotations

import importlib
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from PIL import Image

from deeplab import summary
from deeplab.schema import load
from lib.commands import check_data, config, inspect, predict, test, train
from lib.commands import summary as summary_command
from lib.config import ConfigError
from lib.data.streets.write import Settings, generate
from lib.launch import __main__ as launch
from lib.system import find_config, read

ROOT = Path(__file__).parents[3]
CONFIGS = ROOT / "experiments" / "deeplab" / "cfgs"
COMMANDS = {"train": train, "test": test, "predict": predict, "inspect": inspect, "summary": summary_command,
            "check_data": check_data, "config": config}  # fmt: skip


def test_two_pictures_of_one_name_are_refused_before_any_work():
    assert predict.outputs([Path("a/x.png"), Path("a/y.jpg")]) == ["x_overlay.png", "y_overlay.png"]
    with pytest.raises(ValueError, match=r"a/x\.png and b/x\.jpg would both become x_overlay\.png"):
        predict.outputs([Path("a/x.png"), Path("b/x.jpg")])


def test_offsets_that_gain_too_little_are_told_on_the_streets_that_should_show_it():
    cfg = load(CONFIGS / "quick_acn.yaml")
    assert summary.warning(cfg, {"meanIU": 0.60}, None) == ""
    assert summary.warning(cfg, {"meanIU": 0.60}, {"meanIU": 0.55}) == ""
    said = summary.warning(cfg, {"meanIU": 0.60}, {"meanIU": 0.58})
    assert said == "warning: the demonstration shows nothing: offsets add +0.020 meanIU, expected at least 0.03"
    cfg.dataset.dataset_path = "my/city"
    assert summary.warning(cfg, {"meanIU": 0.60}, {"meanIU": 0.58}) == ""


def test_the_headline_tells_the_mean_over_the_classes_that_occur_where_it_differs():
    cfg = load(CONFIGS / "quick_acn.yaml")
    assert summary.headline(cfg, {"meanIU": 0.6, "epoch": 3}, None) == "quick_acn: meanIU 0.600 after 3 epochs"
    same = {"meanIU": 0.6, "meanIU_present": 0.6, "epoch": 3}
    assert summary.headline(cfg, same, None) == "quick_acn: meanIU 0.600 after 3 epochs"
    said = summary.headline(cfg, {"meanIU": 0.239, "meanIU_present": 0.628, "epoch": 3}, {"meanIU": 0.2})
    assert said.startswith(
        "quick_acn: meanIU 0.239 (0.628 over the classes that occur) after 3 epochs; with its offsets"
    )


def test_a_training_of_no_epochs_is_refused(tmp_path, capsys):
    assert train.main(["quick_acn", "TRAIN.end_epoch=0", f"output_path={tmp_path}/output"]) == 1
    assert "TRAIN.end_epoch: expected how many epochs to train, at least 1, got 0" in capsys.readouterr().err
    assert not (tmp_path / "output").exists()


@pytest.mark.parametrize("text", ["quick_acn", "quick_acn.yaml", "deeplab/quick_acn", str(CONFIGS / "quick_acn.yaml")])
def test_a_configuration_is_found_by_name_and_path(text):
    assert find_config(text).resolve() == CONFIGS / "quick_acn.yaml"


def test_names_in_subfolders_and_what_is_said_of_others():
    assert find_config("report/acn_naive") == CONFIGS / "report" / "acn_naive.yaml"
    with pytest.raises(ConfigError, match="configuration quick_anc does not exist.*did you mean quick_acn"):
        find_config("quick_anc")


def test_a_file_elsewhere_belongs_to_the_system_that_has_its_network(tmp_path):
    (tmp_path / "mine.yaml").write_text(f"BASE: {CONFIGS / 'quick_dcn.yaml'}\n")
    system, cfg = read(str(tmp_path / "mine.yaml"), ["TRAIN.lr=0.5"])
    assert system.name == "deeplab" and cfg.TRAIN.lr == 0.5 and cfg.run.name == "mine"
    (tmp_path / "none.yaml").write_text("symbol: resnet_v1_101_unet\n")
    with pytest.raises(ConfigError, match="none.yaml: symbol: 'resnet_v1_101_unet' names no network of a system"):
        read(str(tmp_path / "none.yaml"), [])


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_says_how_it_is_used(name, capsys):
    with pytest.raises(SystemExit) as ended:
        COMMANDS[name].main(["--help"])
    said = capsys.readouterr().out
    assert ended.value.code == 0 and "key=value" in said and f"python -m lib.commands.{name}" in said


@pytest.mark.parametrize("name", ["train", "test", "summary"])
def test_both_forms_name_a_configuration_and_a_wrong_one_is_told(name, capsys):
    for form in (["nowhere"], ["--cfg", "nowhere.yaml"]):
        assert COMMANDS[name].main(form) == 1
        said = capsys.readouterr().err
        assert said.startswith("error: ") and "nowhere" in said
    with pytest.raises(SystemExit):
        COMMANDS[name].main(["quick_acn", "a_word_that_is_no_setting"])
    assert "a_word_that_is_no_setting" in capsys.readouterr().err


def test_a_network_that_was_not_trained_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # an earlier test of this process may have loaded a framework
    assert test.main(["quick_acn"]) == 1
    assert "train first (./train.sh quick_acn), or give --params FILE" in capsys.readouterr().err
    assert predict.main(["quick_acn", str(tmp_path)]) == 1
    assert f"{tmp_path}: is a folder; expected pictures" in capsys.readouterr().err


def test_an_epoch_and_a_file_are_not_both_taken_nor_a_frequency_of_0(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert test.main(["quick_acn", "--epoch", "3", "--params", "net.params"]) == 1
    assert "error: --params net.params: a file is no epoch of the run" in capsys.readouterr().err
    assert train.main(["quick_acn", "--frequent", "0"]) == 1
    assert "default.frequent: expected at least 1, got 0" in capsys.readouterr().err


def test_config_prints_what_configurations_come_to(capsys):
    assert config.main(["quick_acn", "run.seed=4"]) == 0
    said = capsys.readouterr().out
    assert '"quick_acn"' in said and '"seed": 4' in said


def test_a_configuration_whose_path_has_an_equals_sign_is_one(tmp_path, capsys):
    path = tmp_path / "lr=1" / "some.yaml"
    path.parent.mkdir()
    path.write_text(f"BASE: {CONFIGS / 'quick_acn.yaml'}\n")
    assert config.main([str(path), "run.seed=4"]) == 0
    assert list(json.loads(capsys.readouterr().out)) == [str(path)]
    assert launch.main([str(path), "--workers", "0"]) == 1
    assert "--workers, --servers: expected at least 1" in capsys.readouterr().err
    assert launch.main(["--cfg", str(path), "--workers", "2", "run.sed=4"]) == 1
    assert "command line: run.sed=4: unknown key run.sed; did you mean run.seed?" in capsys.readouterr().err


def test_generator_shows_no_bar_where_nobody_sees_it(tmp_path, capfd):
    assert generate(tmp_path / "streets", Settings(train=1, val=1, height=64, width=96))
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("script", ["train.sh", "test.sh"])
def test_configuration_is_found_from_another_folder(tmp_path, script):
    """The scripts with a set-up that does nothing and a Python that only tells its arguments."""
    repository = tmp_path / "repository"
    for name in ("train.sh", "test.sh", "scripts/run.sh", "experiments/deeplab/cfgs/quick_acn.yaml"):
        (repository / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, repository / name)
    for name, text in (("scripts/setup.sh", ""), (".venv/bin/python", 'echo "$@"')):
        (repository / name).parent.mkdir(parents=True, exist_ok=True)
        (repository / name).write_text(f"#!/bin/sh\n{text}\n")
        (repository / name).chmod(0o755)
    elsewhere = tmp_path / "else where"
    elsewhere.mkdir()
    (elsewhere / "my.yaml").touch()
    (elsewhere / "run").mkdir()

    def said(*arguments):
        command = [f"../repository/{script}", *arguments]
        return subprocess.run(command, cwd=elsewhere, check=True, text=True, capture_output=True).stdout

    def configurations(*arguments):
        told = said(*arguments)
        return {word for line in told.splitlines() for word in re.findall(r"^-m \S+ (.+?)(?: --both| TRAIN|$)", line)}

    assert configurations("my.yaml", "TRAIN.lr=1") == {str(elsewhere / "my.yaml")}
    assert configurations("quick_acn") == {"quick_acn"}
    told = said("my.yaml", "--params", "lr=1.params", "--ssh", "ssh -o Port=22", "TRAIN.lr=1").splitlines()
    assert told[-1].endswith("my.yaml TRAIN.lr=1") and "summary" in told[-1]  # words of an option are no settings
    if script == "test.sh":  # of a run
        assert configurations("run") == {str(elsewhere / "run")}
    if script == "train.sh":
        assert "-m lib.commands.train " in said("my.yaml") and "launch" not in said("my.yaml")
        assert configurations() == {"quick_acn"}
        told = said("my.yaml", "--workers", "2", "--servers=1", "TRAIN.lr=1")
        launched, evaluated = (
            next(line for line in told.splitlines() if each in line) for each in ("lib.launch", "lib.commands.test")
        )
        assert launched.endswith("my.yaml --workers 2 --servers=1 TRAIN.lr=1")
        assert evaluated.endswith("my.yaml --both TRAIN.lr=1")


@pytest.mark.parametrize("program, arguments, of", [
    ("detection.propose", ["quick_digits", "boxes.npz"], "detection"),
    ("detection.dilations", ["quick_digits"], "detection"),
    ("flow.predict", ["a.png", "b.png", "--run", "quick_digits"], "flow"),
    ("tracking.run", ["{film}", "--box", "1,1,4,4", "--run", "quick_digits"], "tracking"),
])  # fmt: skip
def test_a_program_of_one_system_refuses_the_others(program, arguments, of, tmp_path, capsys):
    for number in (1, 2):
        Image.new("RGB", (16, 16)).save(tmp_path / f"{number}.png")
    main = importlib.import_module(program).main
    assert main([each.format(film=tmp_path) for each in arguments]) == 1
    assert f"quick_digits: a configuration of classify, expected one of {of}" in capsys.readouterr().err
