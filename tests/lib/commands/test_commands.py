# SPDX-License-Identifier: Apache-2.0
"""What the programs and scripts do around the network: names of files, warnings, silence, paths from other folders."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from deeplab import predict, summary
from lib.data.streets.write import Settings, generate

ROOT = Path(__file__).parents[2]


def test_two_pictures_of_one_name_are_refused_before_any_work():
    assert predict.outputs([Path("a/x.png"), Path("a/y.jpg")]) == ["x_overlay.png", "y_overlay.png"]
    with pytest.raises(ValueError, match=r"a/x\.png and b/x\.jpg would both become x_overlay\.png"):
        predict.outputs([Path("a/x.png"), Path("b/x.jpg")])


def test_offsets_that_gain_too_little_are_told():
    assert summary.warning({"meanIU": 0.60}, None) == ""
    assert summary.warning({"meanIU": 0.60}, {"meanIU": 0.55}) == ""
    said = summary.warning({"meanIU": 0.60}, {"meanIU": 0.58})
    assert said == "warning: the demonstration shows nothing: offsets add +0.020 meanIU, expected at least 0.03"


def test_generator_shows_no_bar_where_nobody_sees_it(tmp_path, capfd):
    assert generate(tmp_path / "streets", Settings(train=1, val=1, height=64, width=96))
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("script", ["train.sh", "test.sh"])
def test_configuration_is_found_from_another_folder(tmp_path, script):
    """The scripts with a set-up that does nothing and a Python that only tells its arguments."""
    repository = tmp_path / "repository"
    for name in ("train.sh", "test.sh", "scripts/config.sh", "experiments/deeplab/cfgs/quick_acn.yaml"):
        (repository / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, repository / name)
    for name, text in (("scripts/setup.sh", ""), (".venv/bin/python", 'echo "$@"')):
        (repository / name).parent.mkdir(parents=True, exist_ok=True)
        (repository / name).write_text(f"#!/bin/sh\n{text}\n")
        (repository / name).chmod(0o755)
    elsewhere = tmp_path / "else where"
    elsewhere.mkdir()
    (elsewhere / "my.yaml").touch()

    def said(*arguments):
        command = [f"../repository/{script}", *arguments]
        return subprocess.run(command, cwd=elsewhere, check=True, text=True, capture_output=True).stdout

    def configurations(*arguments):
        told = said(*arguments)
        return {repository / found for found in re.findall(r"--cfg (.*\.yaml)", told)}

    assert configurations("my.yaml", "TRAIN.lr=1") == {elsewhere / "my.yaml"}
    assert configurations("quick_acn") == {repository / "experiments/deeplab/cfgs/quick_acn.yaml"}
    if script == "train.sh":
        assert "-m deeplab.train --cfg " in said("my.yaml") and "launch" not in said("my.yaml")
        told = said("my.yaml", "--workers", "2", "--servers=1", "TRAIN.lr=1")
        launched, evaluated = (
            next(line for line in told.splitlines() if each in line) for each in ("lib.launch", "deeplab.test")
        )
        assert launched.endswith("my.yaml --workers 2 --servers=1 TRAIN.lr=1")
        assert evaluated.endswith("my.yaml --both TRAIN.lr=1")
