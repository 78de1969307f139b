# SPDX-License-Identifier: Apache-2.0
"""python -m experiments.ledger: what it reads, makes, writes and refuses."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from experiments.ledger.__main__ import main

ROOT = Path(__file__).parents[2]


def test_kept_runs_give_the_page_that_docs_holds_and_are_taken_where_there_are_no_others(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["deeplab", "--markdown", "report.md", "--html", "a/report.html"]) == 0
    said = capsys.readouterr().out
    assert "no finished run of a line in output: these are the runs kept in" in said and "docs/report.json" in said
    assert (tmp_path / "report.md").read_text() == (ROOT / "docs/report.md").read_text()
    for picture in (ROOT / "docs/images").glob("report_[sc]*_*.png"):
        assert (tmp_path / "images" / picture.name).read_bytes() == picture.read_bytes(), picture
    assert main(["deeplab", "table", "--runs", str(ROOT / "docs/report.json"), "--markdown", "b.md"]) == 0
    report = (tmp_path / "report.md").read_text()
    assert (tmp_path / "b.md").read_text() == report.replace("images/report_", "images/b_")
    assert "kept" not in capsys.readouterr().out


def test_command_trains_what_is_missing_and_writes_the_ledger(tmp_path, monkeypatch, capsys):
    """A twin made tiny; it is left out of the table, for its settings are not the line's, and the ledger says so."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    tiny = ["dataset.streets.train=4", "dataset.streets.val=1", "net.width=4", "net.head_channels=4", "SCALES=[64,96]",
            "TRAIN.end_epoch=1", "TRAIN.lr_step=''"]  # fmt: skip
    assert main(["deeplab", "run", *tiny, "--lines", "deeplab_dil10", "--seeds", "101"]) == 0
    said = capsys.readouterr().out
    assert "1 runs on stand-in, 1 of them to be made" in said and "deeplab_dil9 seed 101: done" in said
    assert "left out: output/standin/seed101/deeplab_dil9: other settings than the line's: SCALES" in said
    assert (tmp_path / "output/ledger/deeplab.html").is_file()
    assert "evaluate segmentation" in (tmp_path / "output/standin/seed101/deeplab_dil9/ledger.log").read_text()
    assert main(["deeplab", "run", "TRAIN.end_epoch=0", "--lines", "acn_naive", "--seeds", "101"]) == 1
    assert re.search(r"error: acn_naive seed 101: .*lib.commands.train .* ended with exit status 1, see output/standin/"
                     "seed101/acn_naive/ledger.log", capsys.readouterr().err)  # fmt: skip


@pytest.mark.parametrize(("arguments", "told"), [
    (["run", "--lines", "dcn_999"], "--lines: there is no dcn_999; there are deeplab_base,"),
    (["run", "--data", "mars"], "--data: there is no mars; there are stand-in, own-rate, full-length, cityscapes"),
    (["run", "net.depht=3"], "command line: net.depht=3: unknown key net.depht; did you mean net.depth?"),
    (["--runs", "nowhere.json"], "nowhere.json"),
    (["--runs", str(ROOT / "experiments/rfcn/runs.json")], "runs.json: no run of this ledger: both on decoys-800,"),
    (["--markdown", "page.html"], "--markdown page.html: the page as one file would take its place; --html names"),
])  # fmt: skip
def test_what_cannot_be_is_told(arguments, told, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["deeplab", *arguments]) == 1
    assert told in capsys.readouterr().err


@pytest.mark.parametrize(("arguments", "told"), [
    (["elephants", "run"], "expected a system as the first word, one of "),
    (["deeplab", "elephants"], "table, run or key=value, got elephants"),
    (["deeplab", "gpus=0"], "settings go with run, not with table: gpus=0"),
    (["deeplab", "run", "--runs", "a.json"], "--runs goes with table, not with run"),
    (["deeplab", "run", "--jobs", "0"], "--jobs: expected at least 1, got 0"),
    (["deeplab", "run", "run.seed=5"], "run.seed=5: --seeds says that of a run"),
])  # fmt: skip
def test_wrong_words_are_refused(arguments, told, capsys):
    with pytest.raises(SystemExit) as ending:
        main(arguments)
    assert ending.value.code == 2 and told in capsys.readouterr().err


def test_the_earlier_name_still_leads_here(tmp_path):
    (tmp_path / "one.json").write_text(json.dumps(json.loads((ROOT / "docs/report.json").read_text())[:1]))
    command = [sys.executable, "-m", "experiments.report", "--runs", "one.json", "--markdown", "a.md"]
    done = subprocess.run(command, cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout == "a.md\na.html\n", done.stderr
