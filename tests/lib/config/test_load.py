# SPDX-License-Identifier: Apache-2.0
"""Every mistake in a configuration is named with its place and its remedy. (With DeepLab's keys.)"""

from __future__ import annotations

from pathlib import Path

import pytest

from deeplab.schema import SCHEMA, load
from lib.config import ConfigError, as_dict, load_dict


def write(folder: Path, text: str, name: str = "some.yaml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def message(folder: Path, text: str, overrides=()) -> str:
    with pytest.raises(ConfigError) as error:
        load(write(folder, text), overrides)
    return str(error.value)


@pytest.mark.parametrize(("text", "expected"), [
    ("TRAIN: {lrr: 1}", "unknown key TRAIN.lrr; did you mean TRAIN.lr?"),
    ("TRAIN: {LR_STEP: '1'}", "unknown key TRAIN.LR_STEP; did you mean TRAIN.lr_step?"),
    ("TRAIN: {depth: 18}", "unknown key TRAIN.depth; did you mean net.depth?"),
    ("datasett: {NUM_CLASSES: 3}", "unknown key datasett; did you mean dataset?"),
    ("net: {xyz: 3}", "unknown key net.xyz; valid here: depth, width"),
    ("TRAIN: {lr: fast}", "TRAIN.lr: Value 'fast'"),
    ("TRAIN: {end_epoch: 5.5}", "TRAIN.end_epoch: Value '5.5'"),
    ("TRAIN: {warmup: perhaps}", "TRAIN.warmup: Value 'perhaps'"),
    ("network: {PIXEL_MEANS: [a, 1, 2]}", "network.PIXEL_MEANS[0]: Value 'a'"),
    ("network: {PIXEL_MEANS: [1, 2]}", "network.PIXEL_MEANS: expected 3 numbers"),
    ("TRAIN: 3", "TRAIN is a section: expected keys below it, got 3"),
    ("gpus: {a: 1}", "gpus is a value: expected text"),
    ("gpus: cpu", "gpus: expected device numbers"),
    ("SCALES: [2048, 1024]", "SCALES: expected [short side, long side]"),
    ("SCALES: 1024", "SCALES: expected [short side, long side]"),
    ("SCALES: [[600, 1000], [800, 1300]]", "SCALES: several sizes are not implemented"),
    ("net: {depth: 20}", "net.depth: expected one of 10, 18, 34, 50, 101, got 20"),
    ("run: {rollback_factor: 1}", "run.rollback_factor: expected above 0 and below 1, got 1.0"),
    ("run: {rollback_factor: 0}", "run.rollback_factor: expected above 0 and below 1, got 0.0"),
    ("default: {kvstore: dist_async}", "'dist_device_sync', got 'dist_async' (dist_async and others do not compute"),
    ("TRAIN: {ENABLE_OHEM: true}", "TRAIN.ENABLE_OHEM: expected one of False, got True (online hard example mining"),
    ("network: {IMAGE_STRIDE: 32}", "network.IMAGE_STRIDE: expected one of 0, got 32 (padding pictures is not"),
    ("TRAIN: {lr_step: '4;6'}", "TRAIN.lr_step: expected growing epochs"),
    ("TRAIN: {BATCH_IMAGES: 0}", "TRAIN.BATCH_IMAGES: expected at least 1"),
    ("TRAIN: {lr: 1, lr: 2}", "duplicate key lr"),
    ("- 1", "expected sections and keys"),
    ("a: [", "not valid YAML"),
    ("BASE: some.yaml", "BASE leads back to this file"),
])  # fmt: skip
def test_mistake_names_file_key_and_remedy(tmp_path, text, expected):
    said = message(tmp_path, text)
    assert expected in said and "some.yaml" in said


def test_every_unknown_key_is_listed_at_once(tmp_path):
    said = message(tmp_path, "TRAIN: {lrr: 1}\nnet: {depht: 18}")
    assert "TRAIN.lrr" in said and "net.depht" in said


def test_missing_file_lists_the_files_beside_it(tmp_path):
    write(tmp_path, "gpus: ''", "there.yaml")
    with pytest.raises(ConfigError, match=r"nope\.yaml does not exist; .* has there\.yaml"):
        load(tmp_path / "nope.yaml")


def test_numbers_that_yaml_reads_as_text_count_as_numbers(tmp_path):
    cfg = load(write(tmp_path, "TRAIN: {lr: 5e-4, wd: '1e-3', end_epoch: '7'}"), ["TRAIN.warmup_lr=1e-6"])
    assert (cfg.TRAIN.lr, cfg.TRAIN.wd, cfg.TRAIN.end_epoch, cfg.TRAIN.warmup_lr) == (5e-4, 1e-3, 7, 1e-6)


@pytest.mark.parametrize(("text", "expected"), [
    ("TRAIN: {ZOOMS: 2}", "TRAIN.ZOOMS: expected a list, got "),
    ("TRAIN: {ZOOMS: [[1, 2], 3]}", "TRAIN.ZOOMS[0]: expected a number, got [1.0, 2.0]"),
    ("network: {FIXED_PARAMS: [{a: b}]}", "network.FIXED_PARAMS[0]: expected text, got {'a': 'b'}"),
    ("net: {width: [8]}", "net.width: expected a whole number, got [8]"),
])  # fmt: skip
def test_lists_stand_where_the_schema_has_them(tmp_path, text, expected):
    assert expected in message(tmp_path, text)
    same = "TRAIN: {ZOOMS: '${net.scales}', ENABLE_CROP: true}\nnet: {scales: [1, 0.5]}"
    assert load(write(tmp_path, same)).TRAIN.ZOOMS == [1.0, 0.5]


def test_base_is_merged_first_and_lists_are_replaced(tmp_path):
    (tmp_path / "bases").mkdir()
    below = "SCALES: [10, 20]\nnet: {depth: 18}\nTRAIN: {lr: 1, wd: 2}\nnetwork: {FIXED_PARAMS: [a, b]}"
    write(tmp_path, below, "a.yaml")
    write(tmp_path, "BASE: ../a.yaml\nTRAIN: {lr: 3}", "bases/b.yaml")
    cfg = load(write(tmp_path, "BASE: bases/b.yaml\nTRAIN: {wd: 4}\nnetwork: {FIXED_PARAMS: [c]}"))
    assert (cfg.SCALES, cfg.net.depth, cfg.TRAIN.lr, cfg.TRAIN.wd) == ([[10, 20]], 18, 3, 4)
    assert cfg.network.FIXED_PARAMS == ["c"]


def test_mistake_in_a_base_names_the_base(tmp_path):
    write(tmp_path, "net: {depht: 18}", "below.yaml")
    assert "below.yaml: unknown key net.depht; did you mean net.depth?" in message(tmp_path, "BASE: below.yaml")


def test_command_line_overrides_win_and_are_checked(tmp_path):
    text = "TRAIN: {lr: 1}\ngpus: '0'"
    overrides = ["TRAIN.lr=0.5", "gpus=", "SCALES=[128,192]", "run.name=other", "TRAIN.lr_step=4,6"]
    cfg = load(write(tmp_path, text), overrides)
    assert (cfg.TRAIN.lr, cfg.gpus, cfg.SCALES, cfg.run.name) == (0.5, "", [[128, 192]], "other")
    assert cfg.TRAIN.lr_step == "4,6"
    assert "command line: TRAIN.lrr=1: unknown key TRAIN.lrr; did you mean TRAIN.lr?" in message(
        tmp_path, text, ["TRAIN.lrr=1"]
    )
    assert "expected section.key=value" in message(tmp_path, text, ["TRAIN.lr"])
    assert "could not be converted" in message(tmp_path, text, ["TRAIN.lr=quick"])


OVER = """
output_path: out/${run.seed}
net:
  width: 8
  res5_dilate: {2: 1, 5: 3}
TRAIN:
  lr_step: {'40.336': '6.09', '60': '9'}
"""


def test_over_replaces_looks_up_tables_and_tells_what_they_changed(tmp_path):
    write(tmp_path, OVER, "small.yaml")
    path = write(tmp_path, "net: {width: 64, res5_dilate: 5, depth: 50}\nTRAIN: {lr_step: '60'}")
    cfg = load(path, ["OVER=small.yaml", "run.seed=3", "net.width=4"])
    assert (cfg.net.width, cfg.net.res5_dilate, cfg.net.depth) == (4, 3, 50)  # the command line comes last
    assert cfg.output_path == "out/3" and cfg.TRAIN.lr_step == "9" and cfg.run.name == "some"
    assert cfg.SCALED == ["net.res5_dilate: 5 -> 3", "TRAIN.lr_step: 60 -> 9"]
    other = load(path, ["OVER=small.yaml", "net.res5_dilate=4"])
    assert other.net.res5_dilate == 4 and other.SCALED == ["TRAIN.lr_step: 60 -> 9"]  # the table no longer tells
    plain = load(path)
    assert (plain.net.width, plain.net.res5_dilate, plain.SCALED) == (64, 5, [])


def test_over_is_relative_to_the_file_it_stands_in(tmp_path):
    for folder, width in (("bases", 8), ("mine", 9)):
        (tmp_path / folder).mkdir()
        write(tmp_path / folder, f"net: {{width: {width}}}", "small.yaml")
    write(tmp_path / "bases", "OVER: small.yaml", "base.yaml")
    path = write(tmp_path / "mine", "BASE: ../bases/base.yaml")
    assert load(path).net.width == 8 and load(path, ["OVER=small.yaml"]).net.width == 9
    assert load(path, ["OVER=", "net.width=3"]).net.width == 3
    path.write_text("BASE: ../bases/base.yaml\nOVER: small.yaml")
    assert load(path).net.width == 9


def test_a_setting_that_would_do_nothing_is_refused(tmp_path):
    for text in ("BASE=other.yaml", "SCALED=[]"):
        key = text.partition("=")[0]
        assert f"command line: {text}: {key}: cannot be set here: a file says it" in message(tmp_path, "", [text])
    kept = as_dict(load(write(tmp_path, "")))
    with pytest.raises(ConfigError, match="command line: OVER=small.yaml: OVER: cannot be set here: the files of this"):
        load_dict(SCHEMA, kept, "run.json", ["OVER=small.yaml"])


@pytest.mark.parametrize(("over", "expected"), [
    ("net: {res5_dilate: {2: 1, 3: 2}}", "small.yaml: net.res5_dilate: the table has no entry for 7, only for 2, 3"),
    ("net: {res5_dilat: {7: 1}}", "small.yaml: unknown key net.res5_dilat; did you mean net.res5_dilate?"),
    ("net: {res5_dilate: {7: wide}}", "small.yaml: net.res5_dilate: Value 'wide'"),
    ("output_path: ${run.sed}", "output_path: Interpolation key 'run.sed' not found"),
])  # fmt: skip
def test_mistake_in_what_is_laid_over_is_named(tmp_path, over, expected):
    write(tmp_path, over, "small.yaml")
    assert expected in message(tmp_path, "net: {res5_dilate: 7}", ["OVER=small.yaml"])
    assert "nope.yaml does not exist" in message(tmp_path, "", ["OVER=nope.yaml"])
