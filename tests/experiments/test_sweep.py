# SPDX-License-Identifier: Apache-2.0
"""Sweeps: what a file means, and that a sweep killed half-way goes on without doing anything twice."""

from __future__ import annotations

import csv
import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from experiments.sweeping import outcome
from experiments.sweeping.command import main
from experiments.sweeping.plan import SweepError, Trial, read_sweep
from experiments.sweeping.work import run_trial
from lib.system import ROOT, read

FAKE = f"{sys.executable} {Path(__file__).with_name('fake_train.py')}"
SHIPPED = sorted((ROOT / "experiments" / "sweeps").glob("*.yaml"))


def write(place, **keys):
    node = {"base": "quick_acn", "axes": {"net.offset_lr_rate": [1, 0.1, 0.01]}, "output": str(place / "out"), **keys}
    path = place / "tiny.yaml"
    path.write_text(yaml.safe_dump({key: value for key, value in node.items() if value is not None}))
    return path


def test_every_combination_and_every_extra_point_is_a_trial(tmp_path):
    sweep = read_sweep(write(
        tmp_path, set=["TRAIN.end_epoch=4"], axes={"net.offset_lr_rate": [1, 0.1], "run.seed": [1, 2]},
        also=[{"net.offset_lr_rate": 0.05, "run.offset_warmup_epochs": 1}], average="run.seed",
        resources={"cpus": 4, "gpus": 2},
    ))  # fmt: skip
    assert [tuple(trial.point.values()) for trial in sweep.trials] == [
        (1, 1), (0.1, 1), (0.05, 1, 1), (1, 2), (0.1, 2), (0.05, 1, 2)]  # fmt: skip
    assert sweep.keys == ("net.offset_lr_rate", "run.seed", "run.offset_warmup_epochs")
    trial = sweep.trials[2]
    base = str(ROOT / "experiments/deeplab/cfgs/quick_acn.yaml")
    assert trial.command == (
        "./train.sh", base, "TRAIN.end_epoch=4", "gpus='0,1'", "net.offset_lr_rate=0.05", "run.offset_warmup_epochs=1",
        "run.seed=1", f"output_path={tmp_path}/out/tiny", f"run.name={trial.name}",
    )  # fmt: skip
    assert trial.name.startswith("offset_lr_rate-0.05_offset_warmup_epochs-1_seed-1-") and len(trial.name) < 90
    assert (sweep.cpus, sweep.gpus, sweep.metric) == (4, 2, "value")


def test_name_of_a_trial_changes_with_all_that_makes_it(tmp_path):
    (tmp_path / "base.yaml").write_text("TRAIN: {lr: 0.1}  # a comment")
    (tmp_path / "mine.yaml").write_text("BASE: base.yaml")

    def name(**keys):
        return read_sweep(write(tmp_path, base="mine.yaml", **keys)).trials[0].name

    first = name()
    assert name(set=["TRAIN.wd=0"]) != first != name(command="other")
    assert name(axes={"net.offset_lr_rate": [1], "run.seed": [1]}) != first
    assert name(metric="meanIU_present", resources={"cpus": 2}, output=str(tmp_path / "else")) == first
    (tmp_path / "base.yaml").write_text("TRAIN: {lr: 0.1}")
    assert name() == first
    (tmp_path / "base.yaml").write_text("TRAIN: {lr: 0.2}")
    assert name() != first
    (tmp_path / "over.yaml").write_text("net: {width: 4}")
    ways = {"set": ["OVER=over.yaml"]}, {"axes": {"OVER": ["over.yaml"], "run.seed": [1]}}
    before = [name(**keys) for keys in ways]
    (tmp_path / "over.yaml").write_text("net: {width: 8}")
    assert all(name(**keys) != one for keys, one in zip(ways, before))


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"axis": {}}, "unknown key axis; valid: base, set"),
        ({"base": "nowhere"}, "base: configuration nowhere does not exist"),
        ({"base": "quick_ancn"}, "did you mean quick_acn"),
        ({"base": None}, "base: expected str, got None"),
        ({"axes": {"net.offset_lr_rate": 1}}, "axes.net.offset_lr_rate: expected a list of values, got 1"),
        ({"axes": {}}, "axes: expected at least one axis"),
        ({"average": "run.seed"}, "average: 'run.seed' is no axis; axes: net.offset_lr_rate"),
        ({"set": ["run.name=mine"]}, "run.name: the sweep sets it itself"),
        ({"set": ["lr"]}, "set: expected key=value, got 'lr'"),
        ({"axes": {"SCALES": [[64, 96], [96, 144]]}}, "axes.SCALES: expected single values, got [64, 96]; a list"),
        ({"also": [{"SCALES": [64, 96]}]}, "also.SCALES: expected single values, got [64, 96]; a list"),
        ({"set": ["OVER=nowhere.yaml"]}, "nowhere.yaml: No such file"),
        ({"resources": {"cpus": 0}}, "resources.cpus: expected a number, at least 1, got 0"),
        ({"retries": -1}, "retries: expected at least 0, got -1"),
        ({"axes": {1: [2]}}, "1: expected the name of a setting"),
        (
            {"axes": {"run.seed": [1]}, "average": "run.seed", "also": [{"run.seed": 9}]},
            "also: run.seed: each of",
        ),
        ({"resources": {"cores": 2}}, "resources: unknown key cores; valid: cpus, gpus"),
    ],
)
def test_what_is_wrong_with_a_file_is_told(tmp_path, keys, told, capsys):
    path = write(tmp_path, **keys)
    with pytest.raises(SweepError) as error:
        read_sweep(path)
    assert told in str(error.value) and "tiny.yaml" in str(error.value)
    assert main([str(path)]) == 1
    assert "Traceback" not in capsys.readouterr().err


def test_settings_that_the_configuration_does_not_take_are_told_once_before_any_trial(tmp_path, capsys):
    output = tmp_path / "sweeps"
    path = write(tmp_path, set=["TRAIN.end_epohc=1"], axes={"run.seed": [1, 2]}, output=str(output))
    assert main([str(path)]) == 1
    told = capsys.readouterr().err
    assert told.count("unknown key TRAIN.end_epohc; did you mean TRAIN.end_epoch?") == 1 and "tiny.yaml" in told
    path = write(tmp_path, axes={"net.offset_lr_rate": [1, "fast"]}, output=str(output))
    assert main([str(path)]) == 1 and "net.offset_lr_rate" in capsys.readouterr().err
    assert not output.exists()


def test_values_stay_what_was_written(tmp_path, capsys):
    path = tmp_path / "some.yaml"
    path.write_text("base: quick_acn\naxes: {a: [010, 1:30, 2024-01-01, no, 1e-3, 0x10, 12, 0.5, true]}\n")
    values = [trial.point["a"] for trial in read_sweep(path).trials]
    assert values == ["010", "1:30", "2024-01-01", "no", "1e-3", "0x10", 12, 0.5, True]
    path.write_text(path.read_text() + "axes: {a: [2]}\n")
    assert main([str(path)]) == 1 and "found the key axes twice" in capsys.readouterr().err


def test_a_base_in_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "home.yaml").write_text("OVER: ~/over.yaml\n")
    (tmp_path / "over.yaml").write_text("TRAIN: {lr: 1}\n")
    (tmp_path / "mine.yaml").write_text("BASE: ~/home.yaml\n")
    assert read_sweep(write(tmp_path, base="mine.yaml", set=["OVER=~/over.yaml"])).trials


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"numbers": 5}'])
def test_a_damaged_record_is_named(tmp_path, text, capsys):
    path = write(tmp_path)
    record = Path(read_sweep(path).trials[0].folder) / "trial.json"
    record.parent.mkdir(parents=True)
    record.write_text(text)
    assert main([str(path), "--list"]) == 1
    assert f"error: {record}: damaged (" in (said := capsys.readouterr().err) and "remove it, and the trial" in said


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_sweeps_name_settings_that_exist(path):
    for trial in read_sweep(path).trials:
        assert trial.command[0] == "./train.sh"
        _, cfg = read(trial.command[1], list(trial.command[2:]))
        assert str(Path(cfg.output_path) / cfg.run.name) == trial.folder


def test_the_report_s_rates_are_shipped():
    (sweep,) = (read_sweep(path) for path in SHIPPED if path.stem == "offset_lr_rate")
    assert {trial.point["net.offset_lr_rate"] for trial in sweep.trials} == {1, 0.1, 0.05, 0.01}


def test_half_a_line_and_missing_files_are_no_progress(tmp_path):
    assert outcome.progress(tmp_path) == {}
    (tmp_path / "train").mkdir()
    line = {"event": "update", "update": 3, "epoch": 0, "loss": 0.5, "lr": 1}
    (tmp_path / "train" / "metrics.jsonl").write_text(json.dumps(line) + '\n{"event": "upd')
    assert outcome.progress(tmp_path) == {"update": 3, "epoch": 0, "loss": 0.5}


def test_a_base_may_be_named_as_every_command_names_it(tmp_path):
    (tmp_path / "near.yaml").write_text("symbol: resnet_v1_101_deeplab")
    for text, path in {
        "quick_acn": "experiments/deeplab/cfgs/quick_acn.yaml",
        "deeplab/quick_acn": "experiments/deeplab/cfgs/quick_acn.yaml",
        "report/acn_naive": "experiments/deeplab/cfgs/report/acn_naive.yaml",
        "experiments/deeplab/cfgs/quick_dcn.yaml": "experiments/deeplab/cfgs/quick_dcn.yaml",
        "near.yaml": tmp_path / "near.yaml",
    }.items():
        assert read_sweep(write(tmp_path, base=text)).trials[0].command[1] == str(ROOT / path)


def test_names_of_trials_are_those_of_earlier_versions():
    (sweep,) = (read_sweep(path) for path in SHIPPED if path.stem == "offset_lr_rate")
    with open(ROOT / "docs/sweep_offset_lr_rate.csv") as file:
        earlier = [row["trial"] for row in csv.DictReader(file)]
    assert [trial.name.rpartition("-")[0] for trial in sweep.trials] == [name.rpartition("-")[0] for name in earlier]


def trial_with(place, results: dict, zero: dict | None = None, record: dict | None = None) -> Trial:
    (place / "val").mkdir(exist_ok=True)
    (place / "val/results.json").write_text(json.dumps(results))
    if zero:
        (place / "val/results_zero_offsets.json").write_text(json.dumps(zero))
    if record:
        (place / outcome.RECORD).write_text(json.dumps(record))
    return Trial("one", {}, ("x",), str(place))


def test_numbers_of_a_trial_are_those_of_its_evaluation_whatever_the_metric(tmp_path):
    results = {
        "metric": "mAP",
        "value": 0.5,
        "hard": 0.25,
        "parts": {"car": 0.75},
        "sha256": "a",
        "epoch": 3,
        "seed": 7,
    }
    numbers = outcome.conclude(trial_with(tmp_path, results, {**results, "value": 0.125}))
    assert (numbers["metric"], numbers["value"], numbers["value_zero_offsets"], numbers["epochs"]) == (
        "mAP",
        0.5,
        0.125,
        3,
    )
    assert [outcome.number(numbers, name) for name in ("value", "hard", "car", "seed")] == [0.5, 0.25, 0.75, None]
    assert outcome.finished(Trial("one", {}, ("x",), str(tmp_path))) == numbers
    numbers = outcome.conclude(
        trial_with(tmp_path, results, {**results, "value": 0.125, "sha256": "of other parameters"})
    )
    assert numbers["value_zero_offsets"] is None
    with pytest.raises(ValueError, match="results.json: expected an evaluation with a number `value`"):
        outcome.conclude(trial_with(tmp_path, {"epoch": 3}))


def test_finished_trials_of_earlier_versions_stay_readable(tmp_path):
    numbers = {"meanIU": 0.4, "meanIU_present": 0.5, "loss": 1.0, "losses": [1.0], "seconds": 3.0}
    trial = trial_with(tmp_path, {"meanIU": 0.4, "IU": {"car": 0.1}}, record={"name": "one", "numbers": numbers})
    found = outcome.finished(trial)
    assert (found["metric"], found["value"]) == ("meanIU", 0.4)
    assert [outcome.number(found, name) for name in ("value", "meanIU", "meanIU_present")] == [0.4, 0.4, 0.5]
    assert outcome.conclude(trial)["parts"] == {"car": 0.1}  # an evaluation of an earlier version


TRIAL = """
import json, sys
from experiments.sweeping.plan import read_sweep
from experiments.sweeping.work import run_trial
run_trial(read_sweep(sys.argv[1]).trials[0], lambda now: print(json.dumps(now), flush=True))
"""


def test_a_trial_whose_sweep_is_killed_ends_and_goes_on_from_there(tmp_path):
    path = write(tmp_path, command=FAKE, axes={"fake.updates": [40], "net.offset_lr_rate": [1]})
    (trial,) = read_sweep(path).trials
    sweep = subprocess.Popen([sys.executable, "-c", TRIAL, str(path)], env={**os.environ, "PYTHONPATH": str(ROOT)},
                             stdout=subprocess.PIPE, text=True)  # fmt: skip
    told = json.loads(sweep.stdout.readline())
    sweep.kill()
    sweep.communicate()
    reported = []
    numbers = run_trial(trial, reported.append)  # waits until the killed one is gone
    assert numbers == outcome.finished(trial) and numbers["update"] == 39
    assert [line["update"] for line in outcome.metrics(trial.folder)] == list(range(1, 41))
    starts = (Path(trial.folder) / "starts").read_text().split()
    assert starts[0] == "0" and int(starts[1]) >= told["update"] >= 1 and len(starts) == 2


def test_a_trial_that_fails_says_so_with_its_last_words(tmp_path):
    axes = {"fake.updates": [5], "net.offset_lr_rate": [1], "fake.breaks": ["true"]}
    (trial,) = read_sweep(write(tmp_path, command=FAKE, axes=axes)).trials
    with pytest.raises(
        RuntimeError, match=r"(?s)python\S* ended with exit status 1; .*the fake breaks as it was told to"
    ):
        run_trial(trial, lambda now: None)
    assert outcome.finished(trial) is None


def wait_for(condition, seconds=200):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "did not happen"
        time.sleep(0.02)


@pytest.fixture
def engine():
    for package in ("ray", "rich"):  # looked up, not imported: that takes seconds
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed (extra: sweeps)")


def start(path, **options):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1", "COLUMNS": "200"}
    return subprocess.Popen([sys.executable, str(ROOT / "experiments" / "sweep.py"), str(path)], env=environment,
                            start_new_session=True, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                            **options)  # fmt: skip


def test_killed_sweep_goes_on_where_it_was(tmp_path, engine, capsys):
    """The first trial is quick, the others are long and killed half-way; one more fails and stops nothing."""
    path = write(tmp_path, command=FAKE, axes={"fake.updates": [4, 60], "net.offset_lr_rate": [1, 0.1]},
                 also=[{"fake.updates": 9, "net.offset_lr_rate": 7, "fake.breaks": "true"}])  # fmt: skip
    sweep = read_sweep(path)
    quick, long = sweep.trials[:2], sweep.trials[2:4]
    begun = {trial.name: 0 for trial in long}
    process = start(path)

    def half_way():
        assert process.poll() is None, process.communicate()
        begun.update({trial.name: outcome.progress(trial.folder).get("update", 0) for trial in long})
        return all(outcome.finished(trial) for trial in quick) and any(update >= 10 for update in begun.values())

    wait_for(half_way)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert "is already running" not in main_output(path, capsys, "--list")
    records = {trial.name: (Path(trial.folder) / outcome.RECORD).stat().st_mtime_ns for trial in quick}

    process = start(path)
    said, _ = process.communicate(timeout=300)
    assert process.returncode == 1, said  # for the trial that fails
    assert "the fake breaks as it was told to" in said and "Traceback" not in said
    starts = {trial.name: (Path(trial.folder) / "starts").read_text().split() for trial in sweep.trials}
    for trial in quick:  # never started again
        assert starts[trial.name] == ["0"]
        assert (Path(trial.folder) / outcome.RECORD).stat().st_mtime_ns == records[trial.name]
    for trial in long:
        numbers = [line["update"] for line in outcome.metrics(trial.folder) if line["event"] == "update"]
        assert numbers == list(range(1, 60))  # every update once
        if begun[trial.name]:
            assert len(starts[trial.name]) == 2 and int(starts[trial.name][1]) >= begun[trial.name]
    assert "score" in said and "finished, score 0.5" in said.replace("0.5000", "0.5")
    assert "4 of 5 trials finished" in said and said.count("finished before") == 2

    with open(sweep.folder / "summary.csv") as file:
        rows = list(csv.DictReader(file))
    assert [row["state"] for row in rows] == ["finished"] * 4 + ["failed"]
    assert [row["value"] for row in rows] == ["0.5", "0.05", "0.5", "0.05", ""]
    assert [row["value_zero_offsets"] for row in rows] == [""] * 5  # those were of other parameters
    assert "road" not in rows[0] and "other" not in rows[0]
    assert [row["net.offset_lr_rate"] for row in rows] == ["1", "0.1", "1", "0.1", "7"]
    assert (sweep.folder / "summary.png").stat().st_size > 10_000
    assert main_output(path, capsys, "--list").count("finished") == 4


def test_parts_and_other_metrics_are_shown_on_demand(tmp_path, engine, capsys):
    path = write(tmp_path, axes={"net.offset_lr_rate": [1, 0.5]}, metric="road")
    for trial in read_sweep(path).trials:  # both are finished: nothing runs
        parts = {"road": trial.point["net.offset_lr_rate"], "sky": 0.25}
        Path(trial.folder).mkdir(parents=True)
        outcome.conclude(trial_with(Path(trial.folder), {"metric": "score", "value": 0.5, "parts": parts}))
    summary = tmp_path / "out/tiny/summary.csv"
    shown = {"": ["road"], "--parts": ["road", "sky"], "--parts=sky": ["road", "sky"]}
    for option, columns in shown.items():
        assert main([str(path), *filter(None, [option])]) == 0
        assert ("sky" in capsys.readouterr().err) == ("sky" in columns)
        with open(summary) as file:
            rows = list(csv.DictReader(file))
        assert [(row["road"], row["value"], row["metric"]) for row in rows] == [
            ("1", "0.5", "score"),
            ("0.5", "0.5", "score"),
        ]
        assert [row.get("sky") for row in rows] == (["0.25"] * 2 if "sky" in columns else [None] * 2)


def main_output(path, capsys, *options):
    main([str(path), *options])
    out, err = capsys.readouterr()
    return out + err
