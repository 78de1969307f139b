# SPDX-License-Identifier: Apache-2.0
"""What a training tells: the original's log lines, metrics.jsonl, and in a terminal how far it is."""

from __future__ import annotations

import io
import logging
import re
import time
from types import SimpleNamespace

import numpy as np
import pytest

from lib.run import log as logs
from lib.run.log import Progress, open_log
from lib.run.metrics import Metrics, NoMetrics, read_metrics


@pytest.fixture
def log(tmp_path):
    made = open_log(tmp_path, "quick")
    yield made
    for handler in list(made.handlers):
        made.removeHandler(handler)
        handler.close()


def progress_of(log, end=1, updates=5, update=0):
    plan = SimpleNamespace(log=log, frequent=2, end=end)
    task = SimpleNamespace(per_update=4, updates=updates, losses=())
    return Progress(plan, task, update)


def told_by(log, tmp_path):
    with progress_of(log) as progress:
        progress.start_epoch(0)
        for number in range(5):
            progress.batch_line(0, number, {"FCNLogLoss": 1.5})
        progress.epoch_lines(0, {"FCNLogLoss": 1.25})
    (file,) = tmp_path.glob("quick_*.log")
    assert time.strptime(file.stem, "quick_%Y-%m-%d-%H-%M")
    return file.read_text().splitlines()


def test_log_lines_are_those_of_the_original(tmp_path, capsys, log):
    lines = told_by(log, tmp_path)
    assert [line.split(" ", 2)[2].split("\tSpeed: ")[0] for line in lines] == [
        "Epoch[0] Batch [2]",
        "Epoch[0] Batch [4]",
        "Epoch[0] Train-FCNLogLoss=1.250000",
        lines[3].split(" ", 2)[2],
    ]
    assert lines[0].endswith(" samples/sec\tTrain-FCNLogLoss=1.500000,\t")
    assert "Epoch[0] Time cost=" in lines[3]
    said = capsys.readouterr().err
    assert "Epoch[0] Train-FCNLogLoss" in said and "\r" not in said  # no bar where nobody sees it


def test_each_metric_is_told_by_its_name(tmp_path, log):
    with progress_of(log) as progress:
        progress.start_epoch(0)
        for number in range(3):
            progress.batch_line(0, number, {"RPNLogLoss": 1.5, "Accuracy": 0.5})
    (file,) = tmp_path.glob("quick_*.log")
    assert file.read_text().splitlines()[0].endswith("\tTrain-RPNLogLoss=1.500000,\tTrain-Accuracy=0.500000,\t")


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_shows_k_of_n_and_the_time_left(monkeypatch, tmp_path, log):
    """A run of 3 epochs of 5 updates that goes on after the first: it begins at 5 of 15, not at 0 of 10."""
    seen = Terminal()
    bar = logs.tqdm
    monkeypatch.setattr(logs, "tqdm", lambda *args, **more: bar(*args, **{**more, "file": seen, "mininterval": 0}))
    log.handlers[:] = [each for each in log.handlers if isinstance(each, logging.FileHandler)]
    with progress_of(log, end=3, update=5) as progress:
        progress.start_epoch(1)
        for number in range(5):
            time.sleep(0.01)
            progress.batch_line(1, number, {"FCNLogLoss": 1.5})
    text = seen.getvalue()
    assert "5/15" in text and "10/15" in text and "epoch 2 of 3" in text and "loss 1.5000" in text
    assert re.search(r"10/15 \[\d\d:\d\d<\d\d:\d\d", text), text  # since the start < left


def test_only_the_first_worker_writes_a_file(tmp_path):
    made = open_log(tmp_path, "quick", first=False)
    made.info("not told")
    assert list(tmp_path.iterdir()) == [] and made.level == logging.WARNING


def test_metrics_hold_each_update_once_after_a_kill(tmp_path):
    path = tmp_path / "metrics.jsonl"
    metrics = Metrics(path, 0)
    for update in (1, 2, 3, 4):
        metrics.write(event="update", update=update, loss=update / 3)
    metrics.close()
    with open(path, "a") as file:
        file.write('{"event": "upd')  # half a line
    metrics = Metrics(path, 2)
    metrics.write(event="update", update=3, loss=7.0)
    metrics.close()
    losses = [(line["update"], line["loss"]) for line in read_metrics(path)]
    assert losses == [(1, 1 / 3), (2, 2 / 3), (3, 7.0)]


def test_metrics_can_be_followed_line_by_line_and_keep_every_bit(tmp_path):
    path, value = tmp_path / "metrics.jsonl", float(np.float32(1) / 3)
    metrics = Metrics(path, 0)
    metrics.write(event="update", update=1, loss=value)
    assert read_metrics(path) == [{"event": "update", "update": 1, "loss": value}]
    metrics.close()


def test_other_workers_write_no_metrics(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    metrics = NoMetrics()
    metrics.write(event="update", update=1)
    metrics.flush()
    metrics.close()
    assert list(tmp_path.iterdir()) == []
