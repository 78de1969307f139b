# SPDX-License-Identifier: Apache-2.0
"""Weights of other programs: numbers that are none, wrong types, missing or surplus names, files cut short."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import numpy as np
import pytest
import yaml
from safetensors.numpy import save_file

from deeplab.schema import Config
from lib.config import ConfigError
from lib.run import params
from lib.weights.caffe.positions import labels
from lib.weights.caffe.read import CaffeError
from lib.weights.convert.__main__ import main
from lib.weights.convert.module import as_module
from lib.weights.convert.resnet import convert
from lib.weights.convert.sources import ConvertError, Source, _network, read
from lib.weights.pretrained import read_pretrained


@pytest.fixture(scope="module")
def resnet() -> dict[str, np.ndarray]:
    """A ResNet-18 of width 4 under torchvision's names."""
    random, arrays = np.random.default_rng(0), {}

    def conv(name, out, into, kernel):
        arrays[f"{name}.weight"] = random.normal(size=(out, into, kernel, kernel)).astype(np.float32)

    def norm(name, count):
        for kind in ("weight", "bias", "running_mean", "running_var"):
            arrays[f"{name}.{kind}"] = random.uniform(0.5, 1, count).astype(np.float32)
        arrays[f"{name}.num_batches_tracked"] = np.array(3)

    conv("conv1", 4, 3, 7)
    norm("bn1", 4)
    into = 4
    for stage, out in enumerate((4, 8, 16, 32), 1):
        for block in range(2):
            for number in (1, 2):
                conv(f"layer{stage}.{block}.conv{number}", out, into if number == 1 else out, 3)
                norm(f"layer{stage}.{block}.bn{number}", out)
            if block == 0 and into != out:
                conv(f"layer{stage}.0.downsample.0", out, into, 1)
                norm(f"layer{stage}.0.downsample.1", out)
            into = out
    arrays["fc.weight"], arrays["fc.bias"] = np.ones((10, 32), np.float32), np.ones(10, np.float32)
    return arrays


def converted(tmp_path, arrays):
    return convert(Source(tmp_path / "net.pth", "torch", arrays, "0" * 64))


def test_the_network_itself_is_converted(tmp_path, resnet):
    made = converted(tmp_path, resnet)
    assert made.depth == 18 and made.unused == ["fc.weight", "fc.bias"]
    half = {name: each.astype(np.float16) if each.dtype == np.float32 else each for name, each in resnet.items()}
    assert converted(tmp_path, half).arg["conv1_weight"].dtype == np.float32
    double = {name: each.astype(np.float64) if each.dtype == np.float32 else each for name, each in resnet.items()}
    assert (converted(tmp_path, double).arg["conv1_weight"] == made.arg["conv1_weight"]).all()


@pytest.mark.parametrize(
    "name", ["conv1.weight", "bn1.bias", "layer3.1.bn2.running_var", "layer4.0.downsample.0.weight"]
)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300])
def test_a_number_that_is_no_float32_is_named(tmp_path, resnet, name, value):
    spoiled = resnet[name].astype(np.float64)
    spoiled.ravel()[-1] = value
    with pytest.raises(ConvertError, match=rf"net\.pth: {name} has 1 of {spoiled.size} numbers that are no float32"):
        converted(tmp_path, {**resnet, name: spoiled})


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int64, bool, np.complex64])
def test_other_types_are_not_cast(tmp_path, resnet, dtype):
    spoiled = resnet["conv1.weight"].astype(dtype)
    with pytest.raises(ConvertError, match=r"conv1\.weight has type"):
        converted(tmp_path, {**resnet, "conv1.weight": spoiled})


def test_a_negative_variance_is_refused(tmp_path, resnet):
    spoiled = resnet["bn1.running_var"].copy()
    spoiled[1] = -0.25
    with pytest.raises(ConvertError, match=r"bn1\.running_var has a variance of -0\.25"):
        converted(tmp_path, {**resnet, "bn1.running_var": spoiled})


def test_every_missing_name_is_noticed(tmp_path, resnet):
    for name in resnet:
        if name.startswith("fc") or name.endswith("num_batches_tracked"):
            continue
        with pytest.raises(ConvertError, match=r"net\.pth"):
            converted(tmp_path, {key: each for key, each in resnet.items() if key != name})


@pytest.mark.parametrize("name", ["layer1.0.se.weight", "bn1.scale", "layer5.0.conv1.weight", "conv2.weight",
                                  "fc2.bias", "layer1.2.conv1.weight", "x", "fc.scale",
                                  "layer1.0.conv1.bias"])  # fmt: skip
def test_every_surplus_name_is_noticed(tmp_path, resnet, name):
    with pytest.raises(ConvertError, match=r"net\.pth"):
        converted(tmp_path, {**resnet, name: np.ones(4, np.float32)})


@pytest.mark.parametrize("ending", ["safetensors", "params"])
def test_files_cut_at_any_byte_are_refused(tmp_path, ending):
    path = tmp_path / f"net.{ending}"
    arrays = {"conv1.weight": np.arange(8.0, dtype=np.float32).reshape(2, 4)}
    if ending == "params":
        params.save(path, arrays, {})
    else:
        save_file(arrays, path)
    whole = path.read_bytes()
    assert read(path).sha256 == hashlib.sha256(whole).hexdigest()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=rf"net\.{ending}"):
            read(path)


@pytest.mark.parametrize("options", [["--mean", "nan,0,0"], ["--std", "0,1,1"], ["--std", "1,1"], ["--eps", "nan"],
                                     ["--eps", "0"], ["--mean", "inf,1,1"], ["--mean", "123.7,116.3,103.5"],
                                     ["--std", "58,57,57"], ["--mean", ""]])  # fmt: skip
def test_settings_that_are_no_numbers_are_refused(tmp_path, options, capsys, monkeypatch):
    monkeypatch.setattr("lib.weights.convert.__main__.use_threads", lambda count: 1)  # a framework may be loaded
    assert main([str(tmp_path / "net.pth"), str(tmp_path / "out"), *options]) == 1
    assert options[0] in capsys.readouterr().err and not list(tmp_path.iterdir())


@pytest.mark.parametrize(("value", "told"), [(np.array([1, np.nan, np.inf], np.float32), "2 of 3 numbers"),
                                             (np.array([1, 2, 3], np.int32), "type int32")])  # fmt: skip
@pytest.mark.parametrize("part", [0, 1])
def test_pretrained_parameters_must_be_numbers(tmp_path, value, told, part):
    good = np.ones(3, np.float32)
    params.save(tmp_path / "net-0000.params", {"w": (good, value)[part == 0]}, {"m": (good, value)[part == 1]})
    cfg = Config()
    cfg.network.pretrained = str(tmp_path / "net")
    with pytest.raises(ConfigError, match=rf"network\.pretrained: .*net-0000\.params.* {'wm'[part]} has {told}"):
        read_pretrained(cfg)
    params.save(tmp_path / "net-0000.params", {"w": good}, {"m": good})
    assert (read_pretrained(cfg)[1]["w"] == good).all()


@pytest.mark.parametrize("text", ["", "3", "[a]", "net: 3", "a: [", "net: {depth: 101"])
def test_damaged_settings_beside_the_weights_are_told(tmp_path, text):
    params.save(tmp_path / "net-0000.params", {"w": np.ones(3, np.float32)}, {})
    (tmp_path / "net-0000.yaml").write_text(text)
    cfg = Config()
    cfg.network.pretrained = str(tmp_path / "net")
    with pytest.raises(ConfigError, match=r"(?s)net-0000\.yaml: damaged.*convert the weights again"):
        read_pretrained(cfg)
    (tmp_path / "net-0000.yaml").write_bytes(yaml.safe_dump({"net": {"depth": 101}}).encode("utf-16"))
    read_pretrained(cfg)


@pytest.mark.parametrize(("arrays", "told"), [
    ({"a.weight": np.array([1, np.nan], np.float32)}, "a.weight has 1 of 2 numbers that are no float32"),
    ({"a.running_var": np.array([1, -1], np.float32)}, "a.running_var has a variance of -1, expected none below 0"),
    ({"a.weight": np.array([1, 2])}, "a.weight has type int64, expected floating-point numbers"),
])  # fmt: skip
def test_a_module_is_held_to_the_same(tmp_path, arrays, told):
    with pytest.raises(ConvertError, match=re.escape(f"net.pth: {told}")):
        as_module(Source(tmp_path / "net.pth", "torch", arrays, ""), "")


def test_names_that_are_no_text_and_a_key_of_a_file_without_any(tmp_path):
    with pytest.raises(ConvertError, match=r"net\.pth: not only tensors in it; it has 1 \(--key\)"):
        _network(tmp_path / "net.pth", {1: np.ones(2, np.float32)}, "")
    with pytest.raises(ConvertError, match=r"net\.params: --key model: only a PyTorch checkpoint has entries"):
        read(tmp_path / "net.params", "model")


def test_models_of_one_name_are_told_apart():
    assert labels([Path("a/m_1.caffemodel"), Path("a/m_2.caffemodel")]) == ["m_1", "m_2"]
    assert labels([Path("a/m.caffemodel"), Path("b/m.caffemodel")]) == ["a/m", "b/m"]
    with pytest.raises(CaffeError, match="a/m: given twice"):
        labels([Path("a/m.caffemodel"), Path("a/m.caffemodel")])
