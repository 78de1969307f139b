# SPDX-License-Identifier: Apache-2.0
"""A textual key comes out as it was typed, from a file and from the command line; what no file could be called is
refused by its key."""

from __future__ import annotations

import codecs
import json

import pytest

from deeplab.schema import SCHEMA, load
from lib.config import ConfigError, as_dict, load_dict
from lib.config.text_file import read_text
from lib.system import find_config, named_by, system_of

TEXTS = [
    *("1e3", "1E3", "007", "1_000", "1.0", "1.50", "0x10", "0o17", "1:30", "190:20:30", "2024-01-01", "+1", ".5", "1."),
    *("on", "off", "yes", "no", "Yes", "true", "False", "null", "Null", "NULL", "~", ".inf", ".nan", "y", "n", "="),
    *("{a}", "[b]", "[]", "{}", "[a, b]", "{a, b}", "<<", "a b", "a'b", 'a"b', "é", "1e400", "a#b", "a:b", "-1", "\\d"),
]
TYPED = [*TEXTS, " a", "a ", "a:", "a: b", ":a", "- a", "a #b", "#a", "%a", "@a", "`a", "&a", "*a", "!a", "|", ">", "?",
         "'a", "a'", "{a: 1}", "[b", "{", "\\", "a=b", "=", "$a", "a$", "'a' 'b'"]  # fmt: skip


@pytest.fixture
def base(tmp_path):
    path = tmp_path / "base.yaml"
    path.write_text("symbol: resnet_v1_101_deeplab\noutput_path: out\n")
    return path


@pytest.mark.parametrize("text", TYPED)
@pytest.mark.parametrize("key", ["run.name", "TRAIN.model_prefix", "dataset.dataset", "MXNET_VERSION"])
def test_command_line_keeps_the_text(base, key, text):
    section, _, name = key.rpartition(".")
    cfg = load(base, [f"{key}={text}"])
    assert getattr(getattr(cfg, section) if section else cfg, name) == text
    assert as_dict(load_dict(SCHEMA, json.loads(json.dumps(as_dict(cfg))), "run.json")) == as_dict(cfg)


@pytest.mark.parametrize("text", TEXTS)
def test_file_keeps_the_text(tmp_path, text):
    path = tmp_path / "some.yaml"
    path.write_text(f"run:\n  name: {text}\ndataset: {{dataset: x}}\nsymbol: {text}\n", encoding="utf-8")
    cfg = load(path)
    assert (cfg.run.name, cfg.symbol) == (text, text)


@pytest.mark.parametrize(
    ("text", "expected"), [("'a b'", "a b"), ('"a\\tb"', None), ("'it''s'", "it's"), ("''", "some")]
)
def test_quotes_around_the_whole_text_are_not_part_of_it(tmp_path, text, expected):
    path = tmp_path / "some.yaml"
    path.write_text("gpus: ''")
    if expected is None:
        with pytest.raises(ConfigError, match="run.name: expected text without control characters"):
            load(path, [f"run.name={text}"])
    else:
        assert load(path, [f"run.name={text}"]).run.name == expected


def test_lists_of_text_keep_it(base):
    typed = load(base, ["network.FIXED_PARAMS=[1e3, no, 007, null, 'a b', ~, conv1]"]).network.FIXED_PARAMS
    base.write_text("network: {FIXED_PARAMS: [1e3, no, 007, null, 'a b', ~, conv1]}")
    assert typed == load(base).network.FIXED_PARAMS == ["1e3", "no", "007", "null", "a b", "~", "conv1"]
    base.write_text("network:\n  FIXED_PARAMS:\n  - 1e3\n  - no\n")
    assert load(base).network.FIXED_PARAMS == ["1e3", "no"]
    assert load(base, ["network.FIXED_PARAMS=[]"]).network.FIXED_PARAMS == []
    with pytest.raises(ConfigError, match="network.FIXED_PARAMS"):
        load(base, ["network.FIXED_PARAMS=conv1"])


def test_lr_step_and_image_sets_are_text(base):
    assert load(base, ["TRAIN.lr_step=40.10"]).TRAIN.lr_step == "40.10"
    base.write_text("TRAIN: {lr_step: 40.10}\ngpus: 01\ndataset: {image_set: 2007_10, test_image_set: 2012_1}")
    cfg = load(base)
    assert (cfg.TRAIN.lr_step, cfg.gpus) == ("40.10", "01")
    assert (cfg.dataset.image_set, cfg.dataset.test_image_set) == ("2007_10", "2012_1")


def test_numbers_are_decimal_and_finite(base):
    cfg = load(base, ["run.seed=010", "TRAIN.lr=1_0.5", "TRAIN.end_epoch=1_0", "net.train_bn=yes", "TRAIN.FLIP=off"])
    assert (cfg.run.seed, cfg.TRAIN.end_epoch, cfg.net.train_bn, cfg.TRAIN.FLIP) == (10, 10, True, False)
    assert cfg.TRAIN.lr == 10.5
    for text in ("nan", "inf", "-inf", ".inf", ".nan", "1e999", "infinity"):
        with pytest.raises(ConfigError, match=r"TRAIN\.(lr|wd): expected a finite number|TRAIN\.(lr|wd)"):
            load(base, [f"TRAIN.wd={text}"])
    for wrong in ("run.seed=0x10", "run.seed=1e3", "run.seed=1:30", "run.seed=null", "run.seed=", "TRAIN.lr=1:30.5"):
        with pytest.raises(ConfigError, match=wrong.partition("=")[0]):
            load(base, [wrong])


def test_references_and_how_to_write_their_letters(base):
    cfg = load(base, ["run.seed=3", "output_path=out/${run.seed}", "run.name=\\${run.seed}"])
    assert (cfg.output_path, cfg.run.name) == ("out/3", "${run.seed}")
    again = load_dict(SCHEMA, as_dict(cfg), "run.json")
    assert again.run.name == "${run.seed}"
    for wrong in ("run.name=${nothing}", "run.name=${run", "run.name=???", "TRAIN.lr=???"):
        with pytest.raises(ConfigError, match=wrong.partition("=")[0]):
            load(base, [wrong])


def test_tables_laid_over_are_looked_up_by_the_written_text(tmp_path):
    over, path = tmp_path / "over.yaml", tmp_path / "some.yaml"
    over.write_text("TRAIN: {lr_step: {40.10: 007, 1e3: no}}\nnet: {train_bn: {yes: off}}")
    path.write_text("OVER: over.yaml\nTRAIN: {lr_step: 40.10}\nnet: {train_bn: true}")
    cfg = load(path)
    assert cfg.TRAIN.lr_step == "007" and cfg.net.train_bn is False


LONG = "x" * 300


@pytest.mark.parametrize("setting", [
    "run.name=a/b", "run.name=../a", "run.name=..", "run.name=.", "run.name=/etc", f"run.name={LONG}",
    "run.name=a\0b", "run.name=a\nb", "run.name=a\udcff", "run.name=" + "é" * 150, "TRAIN.model_prefix=a/b",
    "TRAIN.model_prefix=", f"TRAIN.model_prefix={LONG}", "output_path=a\0b", f"output_path=a/{LONG}",
    "output_path=~nobody-is-called-so/x", f"dataset.dataset_path={LONG}", "network.pretrained=~nobody-is-called-so/x",
    "dataset.image_set=a/../b_train", "dataset.image_set=..", "dataset.image_set=a_b+", "dataset.image_set=+a_b",
    "dataset.image_set=a_b+a_b", "dataset.test_image_set=/a_b", "symbol=a\0", f"dataset.image_set=a_{LONG}",
])  # fmt: skip
def test_what_no_file_can_be_called_is_refused_by_key(base, setting):
    key, _, text = setting.partition("=")
    with pytest.raises(ConfigError) as error:
        load(base, [setting])
    assert key in str(error.value)


@pytest.mark.parametrize("name", ["a b", "-x", "~", "a.b", "*", "[b]", "é", "x" * 200, "null", "a\\b"])
def test_odd_names_work(base, name):
    assert load(base, [f"run.name={name}"]).run.name == name


def test_home_is_expanded(base, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    cfg = load(base, ["output_path=~/out", "dataset.dataset_path=~", "network.pretrained=~/a/b"])
    assert cfg.output_path == f"{tmp_path}/out" and cfg.dataset.dataset_path == str(tmp_path)
    assert cfg.network.pretrained == f"{tmp_path}/a/b"


def test_yaml_that_is_more_than_data_is_refused(tmp_path):
    path = tmp_path / "some.yaml"
    for text, told in (
        ("run: {name: !!python/name:os.system }", "tag"),
        ("run: {name: !!binary aGk= }", "tag"),
        ("run: {? [a] : b}", "as a key"),
        ("run: {name: a, name: b}", "duplicate key name"),
        ("run:\n  name: a: b", "line 2"),
    ):
        path.write_text(text)
        with pytest.raises(ConfigError) as error:
            load(path)
        assert "some.yaml" in str(error.value) and told in str(error.value)
    path.write_text("x: &x {name: a, seed: 1}\nrun: {<<: *x, name: b}")
    with pytest.raises(ConfigError, match="unknown key x"):
        load(path)
    path.write_text("default: &x {kvstore: local}\nrun: {name: b}")
    assert load(path).default.kvstore == "local"


@pytest.mark.parametrize("encode", [
    lambda text: text.encode("utf-8-sig"),
    lambda text: text.encode("utf-16"),
    lambda text: codecs.BOM_UTF16_BE + text.encode("utf-16-be"),
    lambda text: text.encode("utf-32"),
    lambda text: text.replace("\n", "\r\n").encode(),
    lambda text: text.replace("\n", "\r\n").encode("utf-16"),
], ids=["utf-8 with mark", "utf-16", "utf-16 big", "utf-32", "crlf", "utf-16 crlf"])  # fmt: skip
def test_files_written_on_windows(tmp_path, encode):
    path = tmp_path / "some.yaml"
    path.write_bytes(encode("symbol: resnet_v1_101_deeplab_dcn\nrun:\n  name: 'é'\n"))
    cfg = load(path)
    assert cfg.run.name == "é" and cfg.symbol == "resnet_v1_101_deeplab_dcn"
    assert system_of(find_config(str(path))).name == "deeplab"


def test_what_is_no_text_names_its_file(tmp_path):
    path = tmp_path / "some.yaml"
    for content in (b"run: {name: \xe9}", "run: {name: a}".encode("utf-16-le"), b"\x89PNG\r\n\x1a\n\0\0"):
        path.write_bytes(content)
        with pytest.raises(ConfigError, match="some.yaml"):
            load(path)
        with pytest.raises(ValueError, match="some.yaml"):
            read_text(path)


def test_symbol_is_no_pattern():
    for symbol in ("*", "../symbols/resnet_v1_101_deeplab", "resnet_v1_101_deepla?", "[r]esnet_v1_101_deeplab"):
        with pytest.raises(ConfigError, match="names no network"):
            named_by(symbol)
