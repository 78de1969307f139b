# SPDX-License-Identifier: Apache-2.0
"""The small parts of training: schedule, loss, log, folders, devices, threads."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import time
from pathlib import Path

import mxnet as mx
import numpy as np
import pytest

from deeplab.schema import Config
from lib.config import ConfigError, as_dict, load
from lib.engines.mxnet import devices
from lib.engines.mxnet.metric import FCNLogLoss
from lib.run import checkpoint, folder
from lib.run.atomic import replacing, write_json
from lib.run.log import Metrics, Progress, open_log, read_metrics
from lib.run.schedule import Schedule, schedule
from lib.run.threads import use_threads

ORIGINAL = Path(__file__).parent / "configs"


def some_config(tmp_path, **train):
    cfg = Config(output_path=str(tmp_path), symbol="resnet_v1_101_deeplab")
    cfg.run.name = "some"
    for key, value in train.items():
        setattr(cfg.TRAIN, key, value)
    return cfg


# --- schedule


def test_schedule_of_the_original_cityscapes_training():
    cfg = load(ORIGINAL / "cityscapes_dcn.yaml")
    rate = schedule(cfg, images=2 * 2975, batch=4)
    drop = int(40.336 * 5950 / 4)
    assert rate.drops == (drop,) and drop == 59999
    assert rate(1) == rate(999) == 5e-5
    assert rate(1000) == rate(drop) == 5e-4
    assert rate(drop + 1) == rate(10**6) == pytest.approx(5e-5)


def test_schedule_without_warm_up_and_with_two_drops():
    cfg = Config()
    cfg.TRAIN.lr, cfg.TRAIN.lr_step, cfg.TRAIN.warmup_step, cfg.run.lr_factor = 1.0, "2, 3.5", 5, 0.5
    rate = schedule(cfg, images=10, batch=2)
    assert [rate(update) for update in (1, 10, 11, 17, 18)] == [1, 1, 0.5, 0.5, 0.25]


def test_schedule_does_not_depend_on_what_was_asked_before():
    rate = Schedule(lr=1.0, factor=0.1, drops=(3,), warmup_lr=0.2, warmup_step=2)
    assert [rate(update) for update in (5, 1, 3, 5)] == [pytest.approx(0.1), 0.2, 1.0, pytest.approx(0.1)]


# --- loss


def test_loss_is_the_mean_over_counted_pixels_of_the_epoch():
    random = np.random.default_rng(0)
    loss, total, pixels = FCNLogLoss(), 0.0, 0
    for _ in range(3):
        scores = np.exp(random.normal(size=(2, 5, 4, 3)))
        probability = (scores / scores.sum(1, keepdims=True)).astype(np.float32)
        label = random.integers(0, 6, size=(2, 4, 3)).astype(np.float32)
        label[label == 5] = 255
        chosen = [probability[n, int(label[n, y, x]), y, x] for n, y, x in zip(*np.nonzero(label < 255))]
        batch = -np.log(np.float64(chosen) + 1e-14).sum()
        halves = [([mx.nd.array(label[i : i + 1])], [mx.nd.array(probability[i : i + 1])]) for i in (0, 1)]
        value = loss.add(halves[0][0] + halves[1][0], halves[0][1] + halves[1][1])  # as from two devices
        assert value == pytest.approx(batch / len(chosen), rel=1e-6)
        total, pixels = total + batch, pixels + len(chosen)
    assert loss.value == pytest.approx(total / pixels, rel=1e-6)
    loss.reset()
    assert np.isnan(loss.value)


def test_loss_shows_nan_but_not_in_pixels_that_do_not_count():
    probability = mx.nd.array(np.full((1, 2, 1, 2), 0.5))
    probability[0, :, 0, 1] = float("nan")
    assert FCNLogLoss().add([mx.nd.array([[[0, 255]]])], [probability]) == pytest.approx(np.log(2))
    assert np.isnan(FCNLogLoss().add([mx.nd.array([[[0, 1]]])], [probability]))
    assert FCNLogLoss().add([mx.nd.array([[[255, 255]]])], [probability]) == 0


# --- log, metrics, atomic files


def test_log_lines_are_those_of_the_original(tmp_path, capsys):
    log = open_log(tmp_path, "quick")
    with Progress(log, frequent=2, batch=4, updates=5, begin=0) as progress:
        progress.start_epoch(0)
        for number in range(5):
            progress.batch_line(0, number, loss=1.5)
        progress.epoch_lines(0, loss=1.25)
    (file,) = tmp_path.glob("quick_*.log")
    assert time.strptime(file.stem, "quick_%Y-%m-%d-%H-%M")
    lines = file.read_text().splitlines()
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
    logging.getLogger("deeplab").handlers.clear()


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


def test_a_file_is_replaced_completely_or_not_at_all(tmp_path):
    path = tmp_path / "file.json"
    write_json(path, {"a": 1})
    with pytest.raises(RuntimeError), replacing(path) as new:
        new.write_text("half")
        raise RuntimeError
    assert json.loads(path.read_text()) == {"a": 1}
    assert os.listdir(tmp_path) == ["file.json"]


# --- folders


def finish_epochs(cfg, epochs):
    for epoch in epochs:
        folder.prefix(cfg).parent.mkdir(parents=True, exist_ok=True)
        write_json(f"{folder.prefix(cfg)}-{epoch:04d}.json", {"epoch": epoch, "config": as_dict(cfg)})


def test_folder_is_the_originals():
    cfg = load(ORIGINAL / "voc_dcn.yaml")
    assert folder.run_folder(cfg, "2007_a+2012_b") == Path("output/voc12/voc_dcn/2007_a_2012_b")
    assert folder.prefix(cfg).name == "deeplab_resnet_v1_101_voc12_segmentation_dcn"


def test_same_configuration_continues_by_itself(tmp_path):
    cfg = some_config(tmp_path)
    assert folder.starting_epoch(cfg, resume=False) == 0
    finish_epochs(cfg, [1, 2, 11])
    cfg.TRAIN.end_epoch, cfg.default.frequent, cfg.TEST.test_epoch = 99, 3, 7  # these change no epoch
    assert folder.starting_epoch(cfg, resume=False) == 11
    assert checkpoint.complete_epochs(folder.prefix(cfg)) == [1, 2, 11]


def test_other_configuration_is_an_error_that_names_the_difference(tmp_path):
    cfg = some_config(tmp_path, lr=0.1)
    finish_epochs(cfg, [1, 2])
    cfg.TRAIN.lr = 0.2
    with pytest.raises(folder.FolderError, match=r"(?s)2 epochs of another.*TRAIN.lr: 0.1 -> 0.2.*run.name.*--resume"):
        folder.starting_epoch(cfg, resume=False)
    assert folder.starting_epoch(cfg, resume=True) == 2
    cfg.TRAIN.begin_epoch = 1
    assert folder.starting_epoch(cfg, resume=True) == 1
    cfg.TRAIN.begin_epoch = 5
    with pytest.raises(folder.FolderError, match="TRAIN.begin_epoch.*no complete epoch 5, only"):
        folder.starting_epoch(cfg, resume=True)


def test_going_back_removes_the_epochs_after_and_nothing_else(tmp_path):
    endings = ("json", "params", "states", "npz")
    others = {"net-symbol.json", "net2-0002.json"}
    for name in [*others, *(f"net-{k:04d}.{end}" for k in (1, 2, 10000) for end in endings)]:
        (tmp_path / name).touch()
    checkpoint.remove_after(tmp_path / "net", 1)
    left = {f"net-0001.{end}" for end in endings} | others
    assert {path.name for path in tmp_path.iterdir()} == left


def test_one_process_trains_in_a_folder(tmp_path):
    lock = folder.Lock(tmp_path)
    with pytest.raises(folder.FolderError, match="another process is training"):
        folder.Lock(tmp_path)
    lock.release()
    folder.Lock(tmp_path).release()


def test_missing_checkpoint_says_what_is_there(tmp_path):
    (tmp_path / "net-0003.params").touch()
    with pytest.raises(FileNotFoundError, match=r"net-0004\.params does not exist; the folder has net-0003\.params"):
        checkpoint.find(tmp_path / "net", 4)


# --- devices, versions, threads


def test_gpus_empty_is_the_cpu_and_a_missing_gpu_is_named():
    cfg = Config()
    assert devices.contexts(cfg) == [mx.cpu()]
    cfg.gpus = f"{mx.context.num_gpus()}"
    with pytest.raises(ConfigError, match=r"gpus: '\d+' asks for GPU \d+, but MXNet .* sees"):
        devices.contexts(cfg)


@pytest.mark.parametrize("version", ["", "mxnet", mx.__version__])
def test_installed_version_is_taken(version):
    devices.check_version(Config(MXNET_VERSION=version))


def test_other_version_is_an_error():
    with pytest.raises(ConfigError, match=r"MXNET_VERSION: '0\.9\.5' asked for, MXNet .* is installed"):
        devices.check_version(Config(MXNET_VERSION="0.9.5"))


def test_threads_must_be_set_before_mxnet_is_loaded(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert use_threads(0) == use_threads(1) == 1
    with pytest.raises(RuntimeError, match="run.threads: 7 threads asked for, but MXNet is already loaded"):
        use_threads(7)


@pytest.mark.parametrize(("setting", "environment", "expected"), [(3, "1", "3"), (0, "1", "1"), (0, None, None)])
def test_threads_reach_the_environment(setting, environment, expected):
    code = f"from lib.run.threads import use_threads as use; print(use({setting}))"
    code += "; import os; print(os.environ['OMP_NUM_THREADS'])"
    given = {key: value for key, value in os.environ.items() if key != "OMP_NUM_THREADS"}
    given.update({"OMP_NUM_THREADS": environment} if environment else {})
    out = subprocess.run([sys.executable, "-c", code], env=given, capture_output=True, text=True, check=True)
    expected = expected or str(len(os.sched_getaffinity(0)))
    assert out.stdout.split() == [expected, expected]
