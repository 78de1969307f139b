# SPDX-License-Identifier: Apache-2.0
"""The benchmark's machinery on tiny shapes. No test here looks at how long anything takes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

import numpy as np
import pytest

from benchmarks.operators import figures, suites
from benchmarks.operators.__main__ import main
from benchmarks.operators.arguments import parse
from benchmarks.operators.arrays import draw
from benchmarks.operators.cases import from_message, make_case, tiny, to_message
from benchmarks.operators.engines import load
from benchmarks.operators.engines.copying import passing_numbers
from benchmarks.operators.machine import ROOT
from benchmarks.operators.memory import extra_memory
from benchmarks.operators.workers import Worker, WorkerError

TINY = ["--op", "DeformableConvolution", "--shape", "1x4x6x7", "--filters", "4", "--kernel", "3", "--pad", "1"]
QUICK = ["--threads", "1", "--rounds", "2", "--seconds", "0", "--allow-busy"]


def tiny_case(**fields):
    attributes = {"kernel": (3, 3), "pad": (1, 1), "num_filter": 4}
    return make_case("tiny", "DeformableConvolution", (1, 4, 6, 7), attributes, **fields)


def test_report_of_a_run(tmp_path, capsys):
    pytest.importorskip("mxnet")
    path = tmp_path / "report.json"
    command = [*TINY, *QUICK, "--passes", "training", "--engines", "plain,numpy,openvino", "--no-memory"]
    assert main([*command, "--json", str(path)]) == 0
    report = json.loads(path.read_text())
    assert report["complete"]
    assert report["settings"]["threads"] == [1]
    assert {"processor", "usable_cores", "commit", "library_sha256", "command"} <= set(report["machine"])
    assert len(report["load_before"]) == len(report["load_after"]) == 3
    assert report["versions"]["plain"]["mxnet"]
    (result,) = report["results"]
    assert result["case"]["inputs"]["offset"] == [1, 18, 6, 7]
    engines = result["engines"]
    assert engines["openvino"]["status"] == "skipped" and engines["openvino"]["reason"]
    for name in ("plain", "numpy"):
        entry = engines[name]
        assert entry["status"] == "measured" and entry["note"] == ""
        assert [sample["round"] for sample in entry["samples"]] == [1, 2]
        assert all({"seconds", "calls", "cores", "others"} <= set(sample) for sample in entry["samples"])
        assert entry["median"] == median(sample["seconds"] for sample in entry["samples"])
        assert entry["ratio_median"] == entry["median"] / engines["plain"]["median"]
        assert entry["ratio_min"] == entry["min"] / engines["plain"]["min"]
    text = capsys.readouterr().out
    assert "OMP_NUM_THREADS = ACTIVE_CONVNETS_NUM_THREADS" in text and " = 1, set before anything loads" in text
    assert "openvino" in text and "skipped: " in text


def test_training_step_before_and_after_install(tmp_path):
    pytest.importorskip("mxnet")
    pytest.importorskip("omegaconf")
    path = tmp_path / "report.json"
    smaller = ["net.depth=18", "net.width=4", "net.head_channels=8", "SCALES=[32,48]", "TRAIN.BATCH_IMAGES=1"]
    settings = [argument for text in smaller for argument in ("--set", text)]
    assert main(["--suite", "step", *settings, *QUICK, "--rounds", "1", "--no-memory", "--json", str(path)]) == 0
    engines = json.loads(path.read_text())["results"][0]["engines"]
    assert engines["step-stock"]["note"] == "2 nodes _contrib_DeformableConvolution"
    assert engines["step-replaced"]["note"] == "2 nodes Custom"  # and no difference in what they compute
    assert engines["step-replaced"]["ratio_median"] > 0


def test_a_dead_worker_is_reported():
    worker = Worker("numpy", 1)
    worker.ask("prepare", case=to_message(tiny_case()), seconds=0)
    (pid,) = workers_of(os.getpid())
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(WorkerError, match="numpy: its process was killed by SIGKILL"):
        worker.ask("measure", calls=1)
    worker.close()


def test_a_worker_that_cannot_start_is_reported_with_its_error_text(tmp_path):
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho no such thing here >&2\nexit 3\n")
    python.chmod(0o755)
    with pytest.raises(WorkerError, match="(?s)ended with exit status 3; its standard error:\n    no such thing here"):
        Worker("numpy", 1, python=str(python))


def test_a_silent_worker_is_given_up(tmp_path):
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\nexec sleep 60\n")
    python.chmod(0o755)
    with pytest.raises(WorkerError, match="no answer within 0.1 s"):
        Worker("numpy", 1, python=str(python), timeout=0.1)


def test_an_engine_error_fails_that_engine_alone(tmp_path):
    path = tmp_path / "report.json"
    broken = ["--python", f"openvino={tmp_path / 'nowhere'}"]
    command = [*TINY, *QUICK, *broken, "--engines", "openvino,numpy", "--passes", "forward"]
    assert main([*command, "--json", str(path)]) == 1
    engines = json.loads(path.read_text())["results"][0]["engines"]
    assert engines["openvino"]["status"] == "failed" and "cannot start" in engines["openvino"]["reason"]
    assert engines["numpy"]["status"] == "measured"
    assert engines["numpy"]["memory"]["mib"] >= 0
    assert "ratio_median" not in engines["numpy"]  # there was no yardstick in this run


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_no_worker_is_left_behind(number):
    driver = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.operators", *TINY, *QUICK, "--rounds", "1000000", "--engines", "numpy"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's background jobs ignore it
    )
    try:
        workers = eventually(lambda: workers_of(driver.pid))
        driver.send_signal(number)
        _, errors = driver.communicate(timeout=30)
    finally:
        driver.kill()
    assert driver.returncode == (130 if number == signal.SIGINT else -9), errors
    assert number == signal.SIGKILL or "interrupted after 0 of 2 cases" in errors
    assert eventually(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers))


def workers_of(process: int) -> list[int]:
    """The workers among all that a process has started, and that these have started."""
    found = []
    for child in map(int, Path(f"/proc/{process}/task/{process}/children").read_text().split()):
        is_one = b"benchmarks.operators.worker" in Path(f"/proc/{child}/cmdline").read_bytes()
        found += [child] if is_one else workers_of(child)
    return found


def eventually(what):
    """what() as soon as it is true; fails after half a minute."""
    deadline = time.monotonic() + 30
    while not (found := what()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


def test_busy_measurements_do_not_count():
    def entry():
        seconds_others = [(1.0, 0.0), (5.0, 0.9), (3.0, 0.25)]
        samples = [{"seconds": s, "others": o, "cores": 1.0} for s, o in seconds_others]
        return {"status": "measured", "samples": samples}

    quiet, all_of_them = entry(), entry()
    figures.summarize(quiet, allow_busy=False)
    figures.summarize(all_of_them, allow_busy=True)
    assert (quiet["median"], quiet["min"], quiet["counted"], quiet["busy"]) == (2.0, 1.0, 2, 1)
    assert (all_of_them["median"], all_of_them["counted"], all_of_them["busy"]) == (3.0, 3, 1)
    none = {"status": "measured", "samples": entry()["samples"][1:2]}
    figures.summarize(none, allow_busy=False)
    assert none["status"] == "busy" and "median" not in none


def test_different_results_are_noticed():
    same = {"output": [1.0, 2.0, -3.0], "data": [0.0] * 3}
    assert figures.disagreement(same, same) == ""
    assert figures.disagreement({"output": [1.0, 2.1, -3.0]}, same) == "output"
    assert figures.disagreement({"output": [1.0, float("nan"), -3.0]}, same) == "output"


def test_peak_memory_of_a_call():
    found = extra_memory(lambda: np.ones(32 << 20, np.uint8))
    assert not found["exact"] or 31 <= found["mib"] < 40


def test_every_engine_draws_the_same_numbers():
    case = tiny_case(offset_std=8.0, dtype="float64")
    again = from_message(json.loads(json.dumps(to_message(case))))
    assert again == case
    np.testing.assert_array_equal(draw(case, "offset"), draw(again, "offset"))
    assert 7 < draw(case, "offset").std() < 9
    assert draw(case, "weight").dtype == np.float64


@pytest.mark.parametrize("groups", [{}, {"num_group": 2, "num_deformable_group": 3, "num_offset_group": 12}])
def test_the_warm_up_case_is_small_and_valid(groups):
    attributes = {"kernel": (3, 5), "dilate": (2, 1), "stride": (1, 2), "num_filter": 24, **groups}
    small = tiny(make_case("x", "ActiveConvolution", (4, 12, 30, 40), attributes))
    assert small.inputs["data"][0] == 1 and small.inputs["data"][2:] == (6, 7) and min(small.output) > 0


def test_suites():
    passes = ("forward", "training")
    cases = suites.conv_suite(suites.SHAPES, suites.VARIANTS, suites.BOUNDARIES, passes)
    titles = {case.title for case in cases}
    assert len(titles) == len(cases) == 3 * 5 * 3 * 2
    assert {case.ungrouped for case in cases} - {""} <= titles
    each = next(case for case in cases if case.title == "A active-each zero fwd")
    assert each.inputs["offset"] == (512, 1, 3, 3, 2) and not each.own_boundary
    jobs = suites.cost_suite((1, 2), passes)
    assert [threads for threads, case in jobs if case.title == "base fwd"] == [1, 2]
    assert {"C=64 fwd", "K=64 fwd", "N=2 fwd", "HxW=25x42 fwd", "std=8 fwd+bwd"} <= {case.title for _, case in jobs}


def test_poolings_are_compared_with_stock():
    cases = suites.roi_suite(("training",))
    assert [case.inputs.get("trans") for case in cases] == [None, None, (300, 2, 7, 7), (300, 42, 7, 7)]
    assert all(case.yardstick == "stock" and case.goals == {"numpy": 0.2, "mxnet": 0.2} for case in cases)
    for case in cases:
        regions = draw(case, "rois")
        assert (regions[:, 1:3] <= regions[:, 3:]).all() and regions.max() < 63 * 16 and (regions[:, 0] == 0).all()
        small = tiny(case)
        assert small.inputs["rois"] == (1, 5) and small.output == (1, 21, 7, 7)


def test_the_dynamic_filter_is_compared_with_memory_and_with_unfolding():
    pytest.importorskip("torch")
    options = parse(["--suite", "dynamic"])
    assert options.engines == ["copy", "numpy", "mxnet", "unfold"]
    assert [case.goals for _, case in options.jobs] == [{"numpy": 2.0}, {"numpy": 3.0}]
    assert all(case.yardstick == "copy" for _, case in options.jobs)
    assert options.jobs[0][1].inputs["channel_kernel"] == (1, 24 * 256, 64, 64)
    attributes = {"num_filter": 3, "samples": (3, 3), "sample_stride": (2, 3)}
    case = make_case("tiny", "DynamicFilter", (2, 4, 6, 7), attributes, training=True, dtype="float64")
    ours, unfolded = (load(engine)(1).prepare(case) for engine in ("numpy", "unfold"))
    for prepared in (ours, unfolded):
        prepared.run()
    for name, values in ours.results().items():
        np.testing.assert_allclose(unfolded.results()[name], values, rtol=0, atol=1e-12 * np.abs(values).max())
    copied = load("copy")(2).prepare(case)
    copied.run()
    assert passing_numbers(case) == 2 * (sum(map(np.size, ours.results().values())))
    assert "written for" in load("unfold")(1).refuses(make_case("odd", "DynamicFilter", (1, 1, 4, 4),
                                                                {"num_filter": 1, "samples": (2, 2)}))  # fmt: skip


def test_boundary_and_thread_lists():
    jobs = parse([*TINY, "--boundary", "all", "--threads", "1,2", "--passes", "forward"]).jobs
    assert [threads for threads, _ in jobs] == [1, 1, 1, 2, 2, 2]
    assert [case.boundary for _, case in jobs[:3]] == ["inside", "zero", "border"]


@pytest.mark.parametrize(
    "arguments, message",
    [
        ([], "one of the arguments --suite --op is required"),
        (["--op", "Nothing", "--shape", "1x1x1x1"], "there is no operator 'Nothing'; there are ActiveConvolution, "),
        (["--op", "DeformableConvolution"], "--op needs --shape"),
        ([*TINY, "--groups", "3"], "divisible by num_group"),
        ([*TINY, "--attr", "dilat=2"], "the nearest known one is 'dilate'"),
        (["--op", "Shift", "--shape", "1x2x3"], "expected 4 whole numbers"),
        (["--op", "Shift", "--shape", "1x2x3x4", "--input", "rois=5x5"], "Shift has no input 'rois' beside data"),
        (["--op", "Shift", "--shape", "1x2x3x4", "--input", "rois"], "expected NAME=SHAPE"),
        (["--suite", "roi", "--boundary", "zero"], "--boundary has no meaning with --suite roi"),
        (["--suite", "conv", "--shape", "1x2x3x4"], "--shape belongs to --op, not to --suite conv"),
        (["--suite", "conv", "--engines", "step-stock"], "--engines: step-stock is not for --suite conv"),
        (["--suite", "conv", "--rounds", "0"], "expected a whole number from 1, got '0'"),
        (["--suite", "conv", "--json", "/proc/no/file"], "cannot write a file"),
        (["--suite", "step", "--dtype", "float64"], "--dtype has no meaning with --suite step"),
        (["--suite", "step", "--config", "none.yaml"], "configuration none.yaml does not exist"),
    ],
)
def test_wrong_arguments(arguments, message, capsys):
    with pytest.raises(SystemExit) as ending:
        parse(arguments)
    assert ending.value.code == 2
    assert message in capsys.readouterr().err
