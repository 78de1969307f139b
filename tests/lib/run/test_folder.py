# SPDX-License-Identifier: Apache-2.0
"""The folder of a run: what may go on in it, what is refused, and who holds it."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace

import pytest

from deeplab.schema import Config, load
from lib.config import as_dict
from lib.run import checkpoint, folder
from lib.run.atomic import write_json

ORIGINAL = Path(__file__).parents[2] / "deeplab" / "configs"


def some_config(tmp_path, **train):
    cfg = Config(output_path=str(tmp_path), symbol="resnet_v1_101_deeplab")
    cfg.run.name = "some"
    for key, value in train.items():
        setattr(cfg.TRAIN, key, value)
    return cfg


def finish_epochs(cfg, epochs, **facts):
    for epoch in epochs:
        folder.prefix(cfg).parent.mkdir(parents=True, exist_ok=True)
        write_json(f"{folder.prefix(cfg)}-{epoch:04d}.json", {"epoch": epoch, "config": as_dict(cfg), **facts})


def test_folder_is_the_originals():
    cfg = load(ORIGINAL / "voc_dcn.yaml")
    assert folder.run_folder(cfg, "2007_a+2012_b") == Path("output/voc12/voc_dcn/2007_a_2012_b")
    assert folder.prefix(cfg).name == "deeplab_resnet_v1_101_voc12_segmentation_dcn"


def test_same_configuration_continues_by_itself(tmp_path):
    cfg = some_config(tmp_path)
    assert folder.starting_epoch(cfg, resume=False) == 0
    finish_epochs(cfg, [1, 2, 11])
    cfg.TRAIN.end_epoch, cfg.default.frequent, cfg.TEST.test_epoch = 99, 3, 7  # these change no epoch
    cfg.dataset.test_image_set = "another"
    assert folder.starting_epoch(cfg, resume=False) == 11
    assert checkpoint.complete_epochs(folder.prefix(cfg)) == [1, 2, 11]


def test_the_other_engine_may_go_on(tmp_path):
    cfg = some_config(tmp_path)
    finish_epochs(cfg, [2])
    cfg.engine = "torch"
    assert folder.starting_epoch(cfg, resume=False) == 2


def test_other_configuration_is_an_error_that_names_the_difference(tmp_path):
    cfg = some_config(tmp_path, lr=0.1)
    finish_epochs(cfg, [1, 2])
    cfg.TRAIN.lr = 0.2
    with pytest.raises(folder.FolderError, match=r"(?s)2 epochs of another.*TRAIN.lr: 0.1 -> 0.2.*run.name.*--resume"):
        folder.starting_epoch(cfg, resume=False)
    assert folder.starting_epoch(cfg, resume=True) == 2
    cfg.TRAIN.begin_epoch = 1
    assert folder.starting_epoch(cfg, resume=True) == 1
    with pytest.raises(folder.FolderError, match="TRAIN.begin_epoch: 1 needs --resume"):
        folder.starting_epoch(cfg, resume=False)
    cfg.TRAIN.begin_epoch = 5
    with pytest.raises(folder.FolderError, match="TRAIN.begin_epoch.*no complete epoch 5, only"):
        folder.starting_epoch(cfg, resume=True)


def test_another_number_of_devices_is_a_difference(tmp_path):
    cfg = some_config(tmp_path)
    cfg.run.cpus = 2
    finish_epochs(cfg, [1], workers=2, devices=["cpu(0)", "cpu(1)"])
    assert folder.starting_epoch(cfg, resume=False, devices=4) == 1
    cfg.run.cpus, cfg.default.kvstore = 4, "dist_sync"  # elsewhere, but as many
    assert folder.starting_epoch(cfg, resume=False, devices=4) == 1
    with pytest.raises(folder.FolderError, match="devices of all workers: 4 -> 2"):
        folder.starting_epoch(cfg, resume=False, devices=2)
    assert folder.starting_epoch(cfg, resume=True, devices=2) == 1


def test_runs_from_before_a_key_existed_can_be_resumed(tmp_path):
    cfg = some_config(tmp_path)
    state = {"config": asdict(cfg)}
    del state["config"]["net"]["offset_bound"], state["config"]["run"]["rollback_factor"], state["config"]["engine"]
    folder.prefix(cfg).parent.mkdir(parents=True)
    Path(f"{folder.prefix(cfg)}-0001.json").write_text(json.dumps(state))
    assert folder.differences(cfg, 1) == []
    cfg.net.offset_bound = 2.0
    assert folder.differences(cfg, 1) == ["net.offset_bound: 0.0 -> 2.0"]


def test_one_process_trains_in_a_folder(tmp_path):
    lock = folder.Lock(tmp_path)
    with pytest.raises(folder.FolderError, match="another process is training"):
        folder.Lock(tmp_path)
    lock.release()
    folder.Lock(tmp_path).release()


def test_the_lock_ends_with_the_process_that_held_it(tmp_path):
    code = f"from pathlib import Path; from lib.run.folder import Lock; lock = Lock(Path({str(tmp_path)!r})); "
    code += "import os; os._exit(0)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[3])
    folder.Lock(tmp_path).release()


def results(cfg, zero, **numbers):
    path = folder.results_path(cfg, zero)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, numbers)


def test_an_evaluation_with_offsets_0_counts_only_for_the_same_parameters(tmp_path):
    cfg = some_config(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"results.json does not exist: evaluate first \(./test.sh CONFIG\)"):
        folder.read_results(cfg)
    results(cfg, False, sha256="a", value=0.5)
    assert folder.read_results(cfg) == ({"sha256": "a", "value": 0.5}, None)
    results(cfg, True, sha256="b", value=0.25)
    assert folder.read_results(cfg)[1] is None
    results(cfg, True, sha256="a", value=0.125)
    assert folder.read_results(cfg)[1] == {"sha256": "a", "value": 0.125}


def test_an_evaluation_with_offsets_0_counts_only_for_the_same_pictures(tmp_path):
    cfg = some_config(tmp_path)
    whole = as_dict(cfg)
    results(cfg, False, sha256="a", value=0.5, config=whole)
    others = {**whole, "dataset": {**whole["dataset"], "dataset_path": "elsewhere"}}
    results(cfg, True, sha256="a", value=0.25, config=others)
    assert folder.read_results(cfg)[1] is None
    batches = {**whole, "TEST": {"BATCH_IMAGES": 7}, "run": {}}  # of an earlier version, which had fewer settings
    results(cfg, True, sha256="a", value=0.125, config=batches)
    assert folder.read_results(cfg)[1]["value"] == 0.125


def test_an_evaluation_that_gives_no_number_is_not_written(tmp_path):
    made = SimpleNamespace(epoch=1, path="some-0001.params", digest="0")
    with pytest.raises(FloatingPointError, match="EPE is nan: what some-0001.params computes is not finite"):
        folder.write_results(tmp_path / "results.json", {"metric": "EPE", "value": float("nan")}, made, False, {})
    assert not [*tmp_path.iterdir()]
    folder.write_results(tmp_path / "results.json", {"metric": "EPE", "value": 2.5}, made, False, {})
    assert json.loads((tmp_path / "results.json").read_text())["value"] == 2.5
