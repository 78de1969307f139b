# SPDX-License-Identifier: Apache-2.0
"""The original's keys load with the original's values, and every shipped configuration loads and says what it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from deeplab.schema import Config, load

ORIGINAL = Path(__file__).parent / "configs"
SHIPPED = Path(__file__).parents[2] / "experiments" / "deeplab" / "cfgs"


@pytest.mark.parametrize("name", ["cityscapes_base", "cityscapes_dcn", "cityscapes_flow", "voc_base", "voc_dcn"])
def test_original_files_load_unchanged(name):
    cfg = load(ORIGINAL / f"{name}.yaml")
    city = name.startswith("cityscapes")
    assert cfg.SCALES == ([[1024, 2048]] if city else [[360, 600]])
    assert cfg.network.PIXEL_MEANS == [103.06, 115.90, 123.15]
    assert cfg.network.FIXED_PARAMS == ["conv1", "bn_conv1", "res2", "bn2", "gamma", "beta"]
    assert len(cfg.network.FIXED_PARAMS_SHARED) == 10
    assert cfg.TRAIN.lr == 5e-4 and cfg.TRAIN.warmup_lr == 5e-5 and cfg.TRAIN.warmup is city
    assert cfg.TRAIN.lr_step == ("40.336" if city else "8")
    assert cfg.TRAIN.ENABLE_CROP is city and cfg.TRAIN.CROP_HEIGHT == 768
    assert cfg.TEST.test_epoch == cfg.TRAIN.end_epoch == (53 if city else 12)
    assert cfg.dataset.NUM_CLASSES == (19 if city else 21)
    assert cfg.gpus == "0" and cfg.default.kvstore == "device" and cfg.default.frequent == 10
    assert cfg.run.name == name


def test_defaults_are_the_originals():
    cfg = Config()
    assert (cfg.MXNET_VERSION, cfg.output_path, cfg.symbol, cfg.gpus, cfg.CLASS_AGNOSTIC) == ("", "", "", "", True)
    assert cfg.SCALES == [[360, 600]] and cfg.default.frequent == 1000
    assert cfg.network.pretrained == "../model/pretrained_model/resnet_v1-101"
    assert (cfg.TRAIN.lr, cfg.TRAIN.lr_step, cfg.TRAIN.momentum, cfg.TRAIN.wd) == (0, "", 0.9, 0.0005)
    assert (cfg.TRAIN.begin_epoch, cfg.TRAIN.end_epoch, cfg.TRAIN.RESUME) == (0, 0, False)
    assert (cfg.TRAIN.FLIP, cfg.TRAIN.SHUFFLE, cfg.TRAIN.model_prefix) == (True, True, "deeplab")
    assert (cfg.net.depth, cfg.net.width, cfg.net.output_stride, cfg.net.head_channels) == (101, 64, 16, 1024)


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*.yaml")), ids=lambda path: path.stem)
def test_shipped_configurations_load_and_name_an_existing_symbol(path):
    cfg = load(path)
    system = SHIPPED.parents[2] / "deeplab"
    there = [(system / kind / f"{cfg.symbol}.py").is_file() for kind in ("symbols", "modules")]
    assert sum(there) == 1, f"{path.name}: symbol {cfg.symbol} is not in {system}"
    assert cfg.output_path and cfg.TRAIN.end_epoch > 0 and cfg.TRAIN.lr > 0


ROWS = sorted(path for path in (SHIPPED / "report").glob("*.yaml") if not path.stem.startswith("standin"))


@pytest.mark.parametrize("path", ROWS, ids=lambda path: path.stem)
def test_every_row_of_the_report_has_a_twin_and_a_header(path):
    full, twin = load(path), load(path, ["OVER=standin.yaml", "run.seed=2"])
    assert full.SCALES == [[1024, 2048]] and full.gpus == "0,1,2,3" and full.TEST.test_epoch == full.TRAIN.end_epoch
    assert twin.SCALES == [[96, 144]] and twin.gpus == "" and twin.output_path == "./output/standin/seed2"
    assert (twin.symbol, twin.net.boundary, twin.run.name) == (full.symbol, full.net.boundary, path.stem)
    assert twin.net.offset_lr_rate == pytest.approx(10 * full.net.offset_lr_rate)
    assert full.net.res5_dilate <= 2 * twin.net.res5_dilate <= full.net.res5_dilate + 1
    header = [line for line in path.read_text().splitlines() if line.startswith("#")]
    for part in (f"./train.sh report/{path.stem} ", "Hardware", "Expected", "Source"):
        assert any(part in line for line in header), f"{path.name}: the header lacks {part!r}"
