# SPDX-License-Identifier: Apache-2.0
"""The ledger on made-up runs: what counts, what is left out and why, which orderings hold, what the pages say."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from experiments.report import page, wording
from experiments.report.__main__ import main
from experiments.report.compare import entries, judge
from experiments.report.published import Claim, read_claims, read_lines
from experiments.report.runs import Run, find, load, save
from experiments.report.settings import DATA, differences, representatives, resolve
from experiments.report.train import Crew, Job, job

ROOT = Path(__file__).parents[2]
ORIGINAL = ROOT.parent / "shared" / "data" / "published_results.csv"
LINES = read_lines()


@pytest.fixture(scope="module")
def expected():
    return {data: resolve(list(dict.fromkeys(line.path for line in LINES)), data) for data in DATA}


def leave_run(output: Path, config: dict, miou: float, seed: int = 1, trained: dict | None = None, **changes) -> Path:
    """What training and evaluation leave behind: three JSON files. trained: what is different in the training's."""
    config = json.loads(json.dumps(config))
    config["run"]["seed"] = seed
    place = output / f"seed{seed}" / config["run"]["name"]
    for name in ("leftImg8bit_train", "leftImg8bit_val"):
        (place / name).mkdir(parents=True)
    epochs = config["TRAIN"]["end_epoch"]
    lines = [{"event": "update", "loss": 9}]
    lines += [
        {
            "event": "epoch",
            "loss": 2 / (epoch + 1),
            "seconds": 60,
            "offsets": {"a": {"max": 2.5}},
            "displacement_bound": 4,
        }
        for epoch in range(epochs)
    ]
    gpus = config["gpus"].split(",") if config["gpus"] else []
    record = {"commit": "0123456789abcdef", "dirty": True, "threads": 2, "versions": {"mxnet": "1.9.1"}}
    record.update(config=config, workers=1, devices=[f"gpu({each})" for each in gpus] or ["cpu(0)"])
    record.update(trained or {})
    (place / "leftImg8bit_train/metrics.jsonl").write_text("\n".join(map(json.dumps, lines)) + "\n")
    (place / "leftImg8bit_train/run.json").write_text(json.dumps(record))
    results = {"config": config, "epoch": epochs, "images": 500, "seed": seed, "meanIU": miou,
               "IU": {"road": 0.9, "car": miou}, **changes}  # fmt: skip
    (place / "leftImg8bit_val/results.json").write_text(json.dumps(results))
    return place


def test_published_numbers_are_those_of_the_shared_table():
    if not ORIGINAL.is_file():
        pytest.skip(f"{ORIGINAL} is not there")
    rows = [line.split(",") for line in ORIGINAL.read_text().splitlines() if "mIoU_cityscapes_val" in line]
    assert sorted(row[0] for row in rows) == sorted(line.name for line in LINES if line.miou is not None)
    text = ORIGINAL.read_text()
    for line in LINES:
        if line.loss is not None:
            assert re.search(rf"^{re.escape(line.name)},.*,{line.miou:.5f},{line.loss:.6f},", text, re.MULTILINE)


def test_one_configuration_published_twice_has_two_lines():
    pair = [line for line in LINES if line.config == "dcn_offdil1"]
    assert [(line.name, line.miou, line.loss) for line in pair] == [
        ("dcn_offdil1", 0.7526, 0.086104), ("dcn_53ep", 0.74704, 0.084309)]  # fmt: skip


def test_a_run_counts_only_with_its_lines_settings(tmp_path, expected):
    small, full = expected["stand-in"], expected["cityscapes"]
    leave_run(tmp_path / "a", small["acn_lr1"], 0.5)
    leave_run(tmp_path / "a", full["deeplab_dil3"], 0.7, seed=2)
    leave_run(tmp_path / "b", full["deeplab_dil4"], 0.7, images=40)
    leave_run(tmp_path / "c", small["modulated"], 0.6, epoch=3)
    changed = {**small["acn_naive"], "net": {**small["acn_naive"]["net"], "width": 99}}
    leave_run(tmp_path / "d", changed, 0.6)
    leave_run(tmp_path / "e", {**small["acn_lr1"], "run": {"name": "something else"}}, 0.9)
    runs, left_out = find(tmp_path, expected)
    assert [(run.config, run.data, run.seed, run.miou) for run in runs] == [
        ("acn_lr1", "stand-in", 1, 0.5), ("deeplab_dil3", "cityscapes", 2, 0.7)]  # fmt: skip
    one = runs[0]
    assert (one.commit, one.threads, one.longest, one.bound, one.seconds) == ("01234567+", 2, 2.5, 4, 480)
    assert len(one.losses) == 8 and one.losses[-1] == 0.25 and one.devices == 0 and runs[1].devices == 4
    told = "\n".join(left_out)
    assert "40 pictures; the validation set of Cityscapes has 500" in told
    assert "evaluated after 3 of 8 epochs" in told and "net.width: 16 -> 99" in told and len(left_out) == 3
    leave_run(tmp_path / "f", small["acn_lr1"], 0.4)
    again, left_out = find(tmp_path, expected)
    assert again == runs and f"{one.place} is acn_lr1 on stand-in with seed 1 already" in "\n".join(left_out)


def test_a_run_counts_only_if_its_training_had_the_lines_settings_and_devices(tmp_path, expected):
    full, small = expected["cityscapes"]["acn_lr1"], expected["stand-in"]["modulated"]
    part = {"config": {**full, "gpus": "0,1"}, "devices": ["gpu(0)", "gpu(1)"]}
    leave_run(tmp_path / "a", full, 0.7, seed=1, trained={**part, "workers": 2})
    leave_run(tmp_path / "b", full, 0.7, seed=2, trained=part)
    leave_run(tmp_path / "c", small, 0.6, seed=3, trained={"workers": 2})
    leave_run(tmp_path / "d", small, 0.6, seed=4, trained={"config": {**small, "TRAIN": {**small["TRAIN"], "lr": 7}}})
    place = leave_run(tmp_path / "e", small, 0.6, seed=5)
    (place / "leftImg8bit_train/run.json").unlink()
    runs, left_out = find(tmp_path, expected)
    assert [(run.config, run.seed) for run in runs] == [("acn_lr1", 1)]
    for told, reason in zip(left_out, (
        "trained on 2 devices of all workers together, the line has 4",
        "trained on 2 devices of all workers together, the line has 1",
        "trained with other settings than the line's: TRAIN.lr: 0.1 -> 7",
        "run.json is not there",
    )):  # fmt: skip
        assert reason in told
    assert len(left_out) == 4


def test_each_seed_on_cityscapes_has_its_folder_unless_it_stands_in_the_plain_one(tmp_path, expected):
    config = {**expected["cityscapes"]["acn_lr1"], "output_path": str(tmp_path)}
    config["run"] = {**config["run"], "seed": 2}
    path = LINES[0].path
    made = job(path, "cityscapes", ["run.seed=2"], config)
    assert made.log == tmp_path / "seed2/acn_lr1/ledger.log" and made.command[-1] == f"output_path={tmp_path}/seed2"
    plain = tmp_path / "acn_lr1" / config["dataset"]["image_set"]
    plain.mkdir(parents=True)
    for seed, folder in ((1, made.folder), (2, plain)):
        (plain / "run.json").write_text(json.dumps({"seed": seed}))
        assert job(path, "cityscapes", [], config).folder == folder
    assert job(path, "cityscapes", ["run.seed=2"], config).command[-1] == "run.seed=2"
    assert job(path, "stand-in", [], config).log == tmp_path / "acn_lr1/ledger.log"


def test_kept_runs_come_back(tmp_path):
    runs = [made_up("acn_lr1", 2, 0.45), made_up("acn_lr1", 1, 0.43)]
    save(tmp_path / "new/runs.json", runs)
    assert load(tmp_path / "new/runs.json") == runs[::-1]
    (tmp_path / "other.json").write_text("[{}]")
    with pytest.raises(ValueError, match="other.json: not a file of runs"):
        load(tmp_path / "other.json")


def test_which_gpus_may_differ_how_many_may_not(expected):
    config = expected["cityscapes"]["acn_lr1"]
    assert differences(config, {**config, "gpus": "4,5,6,7", "output_path": "x"}) == []
    assert differences(config, {**config, "gpus": "0"}) == ["number of GPUs: 4 -> 1"]


def test_a_key_counts_only_where_it_is_used(expected):
    config = expected["cityscapes"]["acn_lr1"]
    older = {**config, "net": {key: value for key, value in config["net"].items() if key != "num_deformable_group"}}
    assert differences(config, older) == []
    for name, told in (("modulated", []), ("acn_lr1", ["net.offset_lr_rate: 1.0 -> 3"])):
        one = expected["cityscapes"][name]
        assert differences(one, {**one, "net": {**one["net"], "offset_lr_rate": 3}}) == told
    grouped = {**config, "net": {**config["net"], "num_deformable_group": 4}}
    assert differences(grouped, older) == ["net.num_deformable_group: 4 -> 1"]


def test_twins_that_coincide_share_a_run_and_full_sizes_never_do(expected):
    small, full = representatives(expected["stand-in"]), representatives(expected["cityscapes"])
    assert {name: first for name, first in small.items() if name != first} == {
        "deeplab_dil4": "deeplab_dil3", "deeplab_dil6": "deeplab_dil5", "deeplab_dil8": "deeplab_dil7",
        "deeplab_dil10": "deeplab_dil9"}  # fmt: skip
    assert all(name == first for name, first in full.items())


def made_up(config, seed, miou) -> Run:
    return Run(config, "stand-in", seed, miou, {"road": 0.9, "car": miou}, [2.0, 1.0], None, None, "abc", 1, 0, {}, 60)


def test_an_ordering_needs_every_seed_and_twice_the_standard_error(expected):
    numbers = {"deeplab_base": (0.50, 0.52, 0.51), "dcn_offdil1": (0.60, 0.63, 0.61), "acn_naive": (0.51, 0.515, 0.53),
               "acn_lr1": (0.60, 0.61, 0.60)}  # fmt: skip
    runs = [made_up(name, seed, miou) for name, row in numbers.items() for seed, miou in enumerate(row, start=1)]
    same = representatives(expected["stand-in"])
    table = entries(LINES, runs, expected["stand-in"], same)
    claims = [Claim("a", "dcn_offdil1", "deeplab_base", ""), Claim("b", "acn_naive", "deeplab_base", ""),
              Claim("c", "deeplab_base", "acn_lr1", ""), Claim("d", "dcn_100ep", "dcn_53ep", ""),
              Claim("e", "dcn_offdil1", "dcn_53ep", "")]  # fmt: skip
    verdicts = judge(claims, table)
    assert [each.text for each in verdicts] == ["holds", "undecided", "reversed", "not run", "one run here"]
    assert [each.agreeing for each in verdicts] == [3, 2, 0, 0, 0]
    assert verdicts[0].difference.mean == pytest.approx(0.31 / 3)
    by_name = {entry.line.name: entry for entry in table}
    assert wording.spread(by_name["dcn_53ep"].miou) == "0.6133 ± 0.0153"
    assert wording.spread(by_name["dcn_53ep"].gain, sign=True) == "+0.1033 ± 0.0058"
    assert by_name["dcn_53ep"].shares == "dcn_offdil1" and by_name["acn_naive"].gain.count == 3
    assert by_name["modulated"].miou is None
    single = entries(LINES, runs[:1], expected["stand-in"], same)
    assert wording.spread(single[0].miou) == "0.5000"  # one seed has no spread


def test_pages_keep_the_two_kinds_of_data_apart_and_need_no_other_file(tmp_path, expected):
    runs = [made_up("deeplab_base", 1, 0.41234), made_up("acn_lr1", 1, 0.43), made_up("acn_lr1", 2, 0.45)]
    runs += [replace(made_up("acn_lr1", 1, 0.69876), data="cityscapes", commit="fff", devices=4)]
    text_file, html_file = page.write(
        LINES, read_claims(), runs, expected, tmp_path / "docs/a.md", tmp_path / "out/a.html")  # fmt: skip
    text = text_file.read_text()
    small, full = text[text.index("## Stand-in") : text.index("## Cityscapes")], text[text.index("## Cityscapes") :]
    assert "0.4123" in small and "0.6988" not in small and "0.6988" in full and "0.4123" not in full
    assert "| +0.0134 |" in full  # measured minus published, only where that means something
    assert "+0.0177" in small and "difference |" not in small[: small.index("###")]
    assert "`acn_lr1`: " not in small and "- `deeplab_dil9`: net.res5_dilate: 9 -> 5" in small
    for picture in re.findall(r"\]\((images/.*?)\)", text):
        assert (text_file.parent / picture).stat().st_size > 5000
    html = html_file.read_text()
    assert "streets.md" in text and "streets.md" not in html
    assert len(re.findall(r'src="data:image/png;base64,', html)) == 6 and 'src="images' not in html
    assert (
        html.count("<table>") == html.count("</table>") == text.count("| --- |\n")
        and "http" not in html.split("<body>")[0]
    )


def test_a_crew_does_its_jobs_tells_of_failures_and_leaves_their_words(tmp_path):
    one = Job("one", ("--cfg", "nowhere.yaml"), tmp_path / "a/train", 3, tmp_path / "a/ledger.log")
    told = Crew(2).work([one, replace(one, name="two", log=tmp_path / "b/ledger.log")])
    assert told == [f"{name}: deeplab.train ended with status 1, see {tmp_path}/{place}/ledger.log"
                    for name, place in (("one", "a"), ("two", "b"))]  # fmt: skip
    assert "configuration nowhere.yaml does not exist" in one.log.read_text()


def test_command_trains_what_is_missing_and_writes_the_ledger(tmp_path, monkeypatch, capsys):
    """A twin made tiny; it is left out of the table, for its settings are not the line's, and the ledger says so."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    tiny = ["dataset.streets.train=4", "dataset.streets.val=1", "net.width=4", "net.head_channels=4", "SCALES=[64,96]",
            "TRAIN.end_epoch=1", "TRAIN.lr_step=''"]  # fmt: skip
    assert main(["run", *tiny, "--lines", "deeplab_dil10", "--seeds", "101"]) == 0
    said = capsys.readouterr().out
    assert "1 runs on stand-in, 1 of them to be made" in said
    assert "left out: output/standin/seed101/deeplab_dil9: other settings than the line's: SCALES" in said
    assert (tmp_path / "output/report/report.html").is_file()
    assert "evaluate segmentation" in (tmp_path / "output/standin/seed101/deeplab_dil9/ledger.log").read_text()
    assert main(["run", "--lines", "dcn_999"]) == 1
    assert "--lines: there is no dcn_999" in capsys.readouterr().err


def test_configurations_are_printed_as_json(tmp_path):
    (tmp_path / "a.yaml").write_text("net: {depth: 18}")
    command = [sys.executable, "-m", "deeplab.config", str(tmp_path / "a.yaml"), "run.seed=4"]
    told = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert told[str(tmp_path / "a.yaml")]["net"]["depth"] == 18 and told[str(tmp_path / "a.yaml")]["run"]["seed"] == 4
    with pytest.raises(RuntimeError, match="unknown key net.depht"):
        resolve([tmp_path / "a.yaml"], "cityscapes", "net.depht=3")
