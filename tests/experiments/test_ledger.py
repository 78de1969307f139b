# SPDX-License-Identifier: Apache-2.0
"""The ledger on made-up runs: what counts, what is left out and why, which orderings hold, what the pages say."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from experiments.ledger import page, wording
from experiments.ledger.book import BookError, Claim, read_book
from experiments.ledger.compare import entries, judge
from experiments.ledger.runs import Run, find, load, save
from experiments.ledger.settings import Expected, resolve
from experiments.ledger.train import check_devices, job
from lib.config import ConfigError
from lib.run import folder

ROOT = Path(__file__).parents[2]
ORIGINAL = ROOT.parent / "shared" / "data" / "published_results.csv"
BOOK = read_book("deeplab")
LINES = BOOK.lines
CITYSCAPES, SMALL = BOOK.kind("cityscapes"), BOOK.kind("stand-in")
REPORT = ROOT / "experiments/deeplab/cfgs/report"


@pytest.fixture(scope="module")
def expected():
    return Expected(BOOK)


def leave_run(output: Path, config: dict, value: float, seed: int = 1, trained: dict | None = None, **changes) -> Path:
    """What training and evaluation leave behind: three JSON files. trained: what is different in the training's."""
    config = json.loads(json.dumps(config))
    config["run"]["seed"] = seed
    place = output / f"seed{seed}" / config["run"]["name"]
    for name in ("leftImg8bit_train", "leftImg8bit_val"):
        (place / name).mkdir(parents=True)
    epochs = config["TRAIN"]["end_epoch"]
    lines = [{"event": "update", "update": 1, "epoch": 0, "loss": 9}]
    lines += [
        {
            "event": "epoch",
            "update": epoch + 1,
            "epoch": epoch,
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
    results = {"config": config, "epoch": epochs, "images": 500, "seed": seed, "metric": "meanIU", "value": value,
               "parts": {"road": 0.9, "car": value}, **changes}  # fmt: skip
    (place / "leftImg8bit_val/results.json").write_text(json.dumps(results))
    return place


def test_published_numbers_are_those_of_the_shared_table():
    if not ORIGINAL.is_file():
        pytest.skip(f"{ORIGINAL} is not there")
    rows = [line.split(",") for line in ORIGINAL.read_text().splitlines() if "mIoU_cityscapes_val" in line]
    assert sorted(row[0] for row in rows) == sorted(
        line.name for line in LINES if line.value is not None and not line.like
    )
    text = ORIGINAL.read_text()
    for line in LINES:  # the report prints no loss of active ones
        if line.source and not line.like and line.loss is not None and line.group != "Active convolution":
            assert re.search(rf"^{re.escape(line.name)},.*,{line.value:.5f},{line.loss:.6f},", text, re.MULTILINE)


def test_published_curves_and_classes_are_those_of_the_logs():
    """Of every line that the report has but the baseline, which is another paper's."""
    lines = [line for line in LINES if line.value is not None and line.name != "deeplab_base"]
    for line in lines:
        assert len(line.curve) == (100 if line.name == "dcn_100ep" else 53), line.name
        assert line.loss == pytest.approx(line.curve[-1], abs=5e-7), line.name
        assert len(line.parts) == 19 and sum(line.parts.values()) / 19 == pytest.approx(line.value, abs=2e-5), line.name
        assert 8 < line.hours < 30, line.name
    kept = load(BOOK.kept)
    assert list(lines[0].parts) == list(kept[0].parts)  # so that they are set beside each other


def test_a_row_without_a_line_is_refused(tmp_path):
    (tmp_path / "deeplab").mkdir()
    source = ROOT / "experiments/deeplab"
    for name in ("cfgs", "published.csv", "published_classes.csv", "published_offsets.json", "ledger.yaml"):
        (tmp_path / "deeplab" / name).symlink_to(source / name)
    text = (source / "published_epochs.csv").read_text() + "acn_lr7,1.5,1.4\n"
    (tmp_path / "deeplab/published_epochs.csv").write_text(text)
    with pytest.raises(BookError, match=r"ledger\.yaml: groups: no line for the published acn_lr7"):
        read_book("deeplab", tmp_path)


def test_a_line_like_another_has_its_published_numbers_and_settings_of_its_own(expected):
    by_name = {line.name: line for line in LINES}
    faulty, right = by_name["acn_lr0.05_faults"], by_name["acn_lr0.05"]
    assert (faulty.value, faulty.loss, faulty.curve, faulty.parts) == (0.73437, right.loss, right.curve, right.parts)
    assert faulty.setting == f"{right.setting}, each starts from the last" and faulty.group != right.group
    for line in (line for line in LINES if line.like):
        assert by_name[line.like].value == line.value
        for data in ("cityscapes", "stand-in"):
            configs = [expected[data][each.config] for each in (by_name[line.like], line)]
            (change,) = expected.differences(*configs)
            assert change.startswith("faults.") and change.endswith("False -> True")


def test_a_line_like_one_that_is_not_there_is_refused(tmp_path):
    (tmp_path / "deeplab").mkdir()
    source = ROOT / "experiments/deeplab"
    for name in ("cfgs", "published.csv", "published_classes.csv", "published_epochs.csv", "published_offsets.json"):
        (tmp_path / "deeplab" / name).symlink_to(source / name)
    text = (source / "ledger.yaml").read_text().replace("like: acn_naive,", "like: acn_naiv,")
    (tmp_path / "deeplab/ledger.yaml").write_text(text)
    with pytest.raises(BookError, match="groups: acn_naive_faults: like: there is no line 'acn_naiv' before it"):
        read_book("deeplab", tmp_path)


def test_one_configuration_published_twice_has_two_lines():
    pair = [line for line in LINES if line.config == "dcn_offdil1"]
    assert not any(line.like for line in pair)
    assert [(line.name, line.value, line.loss) for line in pair] == [
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
    leave_run(tmp_path / "other_system", {**small["acn_lr1"], "symbol": "resnet_v1_101_rfcn"}, 0.9)
    runs, left_out = find(BOOK, tmp_path, expected)
    assert [(run.config, run.data, run.seed, run.value) for run in runs] == [
        ("acn_lr1", "stand-in", 1, 0.5), ("deeplab_dil3", "cityscapes", 2, 0.7)]  # fmt: skip
    one = runs[0]
    assert (one.commit, one.threads, one.longest, one.bound, one.seconds) == ("01234567+", 2, 2.5, 4, 480)
    assert len(one.losses) == 8 and one.losses[-1] == 0.25 and one.devices == 0 and runs[1].devices == 4
    told = "\n".join(left_out)
    assert "40 pictures; the test set of Cityscapes has 500" in told
    assert "evaluated after 3 of 8 epochs" in told and "net.width: 16 -> 99" in told and len(left_out) == 3
    leave_run(tmp_path / "f", small["acn_lr1"], 0.4)
    again, left_out = find(BOOK, tmp_path, expected)
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
    runs, left_out = find(BOOK, tmp_path, expected)
    assert [(run.config, run.seed) for run in runs] == [("acn_lr1", 1)]
    for told, reason in zip(left_out, (
        "trained on 2 devices of all workers together, the line has 4",
        "trained on 2 devices of all workers together, the line has 1",
        "trained with other settings than the line's: TRAIN.lr: 0.1 -> 7",
        "run.json is not there",
    )):  # fmt: skip
        assert reason in told
    assert len(left_out) == 4


def test_each_seed_at_the_published_size_has_its_folder_unless_it_stands_in_the_plain_one(tmp_path):
    path, settings = REPORT / "acn_lr1.yaml", ["run.seed=2", f"output_path={tmp_path}"]
    made = job(path, CITYSCAPES, settings)
    assert made.work(1).log == tmp_path / "seed2/acn_lr1/ledger.log"
    assert made.settings[-1] == f"output_path={tmp_path}/seed2"
    plain = tmp_path / "acn_lr1" / made.cfg.dataset.image_set
    plain.mkdir(parents=True)
    for seed, place in ((1, folder.prefix(made.cfg).parent), (2, plain)):
        (plain / "run.json").write_text(json.dumps({"seed": seed, "config": {}}))
        assert folder.prefix(job(path, CITYSCAPES, settings).cfg).parent == place
    assert job(path, SMALL, settings).work(1).log == tmp_path / "acn_lr1/ledger.log"


def test_a_job_trains_and_evaluates_by_the_commands_of_lib_and_counts_its_epochs(tmp_path):
    made = job(REPORT / "acn_lr1.yaml", SMALL, ["run.seed=2", f"output_path={tmp_path}"])
    train, test = made.work(3).commands(0)
    words = [str(REPORT / "acn_lr1.yaml"), "OVER=standin.yaml", "run.seed=2", f"output_path={tmp_path}"]
    assert list(train.argv) == [sys.executable, "-m", "lib.commands.train", *words]
    assert list(test.argv) == [sys.executable, "-m", "lib.commands.test", *words]
    assert train.share == 3 and train.grace > 0 and made.done() == 0
    place = tmp_path / "acn_lr1" / made.cfg.dataset.image_set
    place.mkdir(parents=True)
    for name in ("-0001.json", "-0002.json", "-0003.params", "-symbol.json"):
        (place / f"{made.cfg.TRAIN.model_prefix}{name}").write_text("{}")
    assert made.done() == 2


def test_runs_side_by_side_divide_the_gpus(expected):
    made = job(REPORT / "acn_lr1.yaml", CITYSCAPES, ["run.seed=2", "gpus=0,1,2,3,4,5,6,7"])
    check_devices([made], 2, expected["cityscapes"])
    assert [made.work(2).commands(place)[0].argv[-1] for place in (0, 1)] == ["gpus='0,1,2,3'", "gpus='4,5,6,7'"]
    check_devices([job(REPORT / "acn_lr1.yaml", SMALL, [])], 2, expected["stand-in"])
    with pytest.raises(
        ValueError, match=r"--jobs 3: each run needs GPUs of its own; expected 12 in gpus, got '0,1,2,3'"
    ):
        check_devices([job(REPORT / "acn_lr1.yaml", CITYSCAPES, [])], 3, expected["cityscapes"])


def test_kept_runs_come_back(tmp_path):
    runs = [made_up("acn_lr1", 2, 0.45), made_up("acn_lr1", 1, 0.43)]
    save(tmp_path / "new/runs.json", runs)
    assert load(tmp_path / "new/runs.json") == runs[::-1]
    text = (tmp_path / "new/runs.json").read_text()
    assert '"value": 0.43' in text
    (tmp_path / "earlier.json").write_text(text.replace('"value"', '"miou"').replace('"parts"', '"iou"'))
    assert load(tmp_path / "earlier.json") == runs[::-1]
    (tmp_path / "other.json").write_text("[{}]")
    with pytest.raises(ValueError, match="other.json: not a file of runs"):
        load(tmp_path / "other.json")
    cut = json.loads(text)
    cut[0]["losses"] = []
    (tmp_path / "cut.json").write_text(json.dumps(cut))
    with pytest.raises(ValueError, match="cut.json: not a file of runs: acn_lr1 on stand-in, seed 1: a run without"):
        load(tmp_path / "cut.json")


def test_which_gpus_may_differ_how_many_may_not(expected):
    config = expected["cityscapes"]["acn_lr1"]
    assert expected.differences(config, {**config, "gpus": "4,5,6,7", "output_path": "x"}) == []
    assert expected.differences(config, {**config, "gpus": "0"}) == ["number of GPUs: 4 -> 1"]


def test_a_key_counts_only_where_it_is_used(expected):
    config = expected["cityscapes"]["acn_lr1"]
    older = {**config, "net": {key: value for key, value in config["net"].items() if key != "num_deformable_group"}}
    assert expected.differences(config, older) == []
    for name, told in (("modulated", []), ("acn_lr1", ["net.offset_lr_rate: 1.0 -> 3"])):
        one = expected["cityscapes"][name]
        assert expected.differences(one, {**one, "net": {**one["net"], "offset_lr_rate": 3}}) == told
    grouped = {**config, "net": {**config["net"], "num_deformable_group": 4}}
    assert expected.differences(grouped, older) == ["net.num_deformable_group: 4 -> 1"]


def test_twins_that_coincide_share_a_run_and_full_sizes_never_do(expected):
    small, full = expected.representatives("stand-in"), expected.representatives("cityscapes")
    assert {name: first for name, first in small.items() if name != first} == {
        "deeplab_dil4": "deeplab_dil3", "deeplab_dil6": "deeplab_dil5", "deeplab_dil8": "deeplab_dil7",
        "deeplab_dil10": "deeplab_dil9", "acn_res5a": "acn_lr0.01"}  # fmt: skip
    assert all(name == first for name, first in full.items())


def made_up(config, seed, value) -> Run:
    return Run(
        config, "stand-in", seed, value, {"road": 0.9, "car": value}, [2.0, 1.0], None, None, "abc", 1, 0, {}, 60
    )


def test_an_ordering_needs_every_seed_and_twice_the_standard_error(expected):
    numbers = {"deeplab_base": (0.50, 0.52, 0.51), "dcn_offdil1": (0.60, 0.63, 0.61), "acn_naive": (0.51, 0.515, 0.53),
               "acn_lr1": (0.60, 0.61, 0.60)}  # fmt: skip
    runs = [made_up(name, seed, value) for name, row in numbers.items() for seed, value in enumerate(row, start=1)]
    same = expected.representatives("stand-in")
    table = entries(BOOK, runs, expected["stand-in"], same)
    claims = (Claim("a", "dcn_offdil1", "deeplab_base", ""), Claim("b", "acn_naive", "deeplab_base", ""),
              Claim("c", "deeplab_base", "acn_lr1", ""), Claim("d", "dcn_100ep", "dcn_53ep", ""),
              Claim("e", "dcn_offdil1", "dcn_53ep", ""))  # fmt: skip
    verdicts = judge(replace(BOOK, claims=claims), table)
    assert [each.text for each in verdicts] == ["holds", "undecided", "reversed", "not run", "one run here"]
    assert [each.agreeing for each in verdicts] == [3, 2, 0, 0, 0]
    assert verdicts[0].difference.mean == pytest.approx(0.31 / 3)
    errors = judge(replace(BOOK, claims=claims, lower_is_better=True), table)
    assert [each.text for each in errors] == ["reversed", "undecided", "holds", "not run", "one run here"]
    assert errors[0].difference.mean == -verdicts[0].difference.mean and errors[0].published == -verdicts[0].published
    by_name = {entry.line.name: entry for entry in table}
    assert wording.spread(by_name["dcn_53ep"].value) == "0.6133 ± 0.0153"
    assert wording.spread(by_name["dcn_53ep"].gain, sign=True) == "+0.1033 ± 0.0058"
    assert by_name["dcn_53ep"].shares == "dcn_offdil1" and by_name["acn_naive"].gain.count == 3
    assert by_name["modulated"].value is None
    single = entries(BOOK, runs[:1], expected["stand-in"], same)
    assert wording.spread(single[0].value) == "0.5000"  # one seed has no spread


def test_orderings_among_lines_like_others_are_told_apart(expected):
    same = expected.representatives("stand-in")
    values = {"acn_naive": 0.4, "acn_lr0.05": 0.5, "acn_naive_faults": 0.45, "acn_lr0.05_faults": 0.3}
    runs = [made_up(name, seed, value + seed / 1000) for name, value in values.items() for seed in (1, 2, 3)]
    table = entries(BOOK, runs, expected["stand-in"], same)
    verdicts = {(each.claim.text, bool(each.among)): each for each in judge(BOOK, table)}
    naive = "naive beats normalized, rate 0.05"
    assert (verdicts[naive, False].text, verdicts[naive, True].text) == ("reversed", "holds")
    assert verdicts[naive, False].published == verdicts[naive, True].published > 0
    plain, faulty = wording.orderings(BOOK, list(verdicts.values()), table).split("### With the faults")
    assert f"**1 reversed:** {naive}." in plain and f"**1 hold:** {naive}." in faulty
    assert plain.count(BOOK.spread.text) == 1 and BOOK.spread.text not in faulty


def test_pages_keep_the_two_kinds_of_data_apart_and_need_no_other_file(tmp_path, expected):
    runs = [made_up("deeplab_base", 1, 0.41234), made_up("acn_lr1", 1, 0.43), made_up("acn_lr1", 2, 0.45)]
    runs += [replace(made_up("acn_lr1", 1, 0.69876), data="cityscapes", commit="fff", devices=4)]
    text_file, html_file = page.write(BOOK, runs, expected, tmp_path / "docs/a.md", tmp_path / "out/a.html")
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


def test_a_setting_that_does_not_exist_is_told():
    with pytest.raises(ConfigError, match="unknown key net.depht"):
        resolve(REPORT / "acn_lr1.yaml", SMALL, "net.depht=3")
