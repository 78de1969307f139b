# SPDX-License-Identifier: Apache-2.0
"""Networks of other frameworks compute the same features here; what does not fit is refused by name."""

from __future__ import annotations

import hashlib
import os
import pickle
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import mxnet as mx
import numpy as np
import pytest
import yaml
from mxnet.gluon.model_zoo.vision import resnet as gluon_resnet
from trainings import engine_of

from deeplab.schema import Config, load
from lib.config import ConfigError
from lib.data import images
from lib.nets.resnet_v1 import BASIC, BOTTLENECKS
from lib.run import params
from lib.weights.convert import torch_file
from lib.weights.convert.__main__ import main
from lib.weights.pretrained import read_pretrained, take_pretrained

COUNTS = {18: BASIC[18], 34: BASIC[34], 50: BOTTLENECKS[50], 101: BOTTLENECKS[101]}
WIDTH = 8  # of conv1; 64 in the real ones, which only cost time here
MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


@pytest.fixture(scope="module")
def image():
    return np.random.default_rng(0).integers(0, 256, (65, 97, 3), dtype=np.uint8)  # odd: strides and padding tell


def normalized(image) -> np.ndarray:
    """The picture as torchvision and Gluon feed it: RGB in 0..1, standardized."""
    return ((image / 255 - MEAN) / STD).transpose(2, 0, 1)[None].astype(np.float32)


def features(prefix, image, **changes) -> np.ndarray:
    """What our backbone makes of the picture, by the settings that were written beside the weights."""
    cfg = Config(symbol="resnet_v1_101_deeplab")
    given = yaml.safe_load(Path(f"{prefix}-0000.yaml").read_text())
    for section, keys in given.items():
        for key, value in keys.items():
            setattr(getattr(cfg, section), key, value)
    cfg.net.output_stride, cfg.net.res5_dilate, cfg.network.pretrained = 32, 1, str(prefix)
    for key, value in changes.items():
        setattr(cfg.net, key, value)
    cfg.network.pretrained_epoch, cfg.SCALES = 0, [[*image.shape[:2]]]
    engine = engine_of(cfg)
    if changes:  # which `take_pretrained` would refuse
        engine.load(*params.load(f"{prefix}-0000.params"))
    else:
        assert take_pretrained(cfg, engine) == (Path(f"{prefix}-0000.params"), [])
    last = [name for name in engine.shapes(engine.network.inputs) if name.startswith("res5")][-1]
    return engine.compute({"data": images.to_tensor(image, cfg)[None]}, [last])[last]


def close(ours, theirs) -> bool:
    return ours.shape == theirs.shape and np.abs(ours - theirs).max() <= 1e-4 * np.abs(theirs).max()


# --- PyTorch


def torch_net(depth, **kwargs):
    pytest.importorskip("torch", reason="PyTorch is not installed: its networks cannot be made here")
    from torch_resnet import random_resnet

    return random_resnet(COUNTS[depth], depth in BOTTLENECKS, width=WIDTH, **kwargs)


def torch_features(net, image) -> np.ndarray:
    import torch

    with torch.no_grad():
        return net.features(torch.from_numpy(normalized(image))).numpy()


@pytest.mark.parametrize("depth", COUNTS)
def test_torchvision_networks_give_the_same_features(tmp_path, image, depth, capsys):
    net = torch_net(depth)
    import torch

    torch.save(net.state_dict(), tmp_path / "net.pth")
    assert main([str(tmp_path / "net.pth"), str(tmp_path / "out")]) == 0
    said = capsys.readouterr().out
    assert f"ResNet-{depth}" in said and "not used: fc.weight, fc.bias" in said
    expected = torch_features(net, image)
    assert np.abs(expected).max() > 0.1 and close(features(tmp_path / "out", image), expected)
    if depth == 50:  # every setting matters
        for change in ({"stride_on_3x3": False}, {"pool_pad": 0}, {"pixel_stds": [1.0, 1.0, 1.0]}, {"bn_eps": 1e-2},
                       {"pixel_order": "BGR"}):  # fmt: skip
            assert not close(features(tmp_path / "out", image, **change), expected), change


def test_stride_mean_std_and_order_can_be_others(tmp_path, image):
    net = torch_net(50, stride_on_3x3=False)
    import torch

    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.eps = 1e-3
    torch.save({"epoch": 3, "net_ema": net.state_dict()}, tmp_path / "net.pt")
    arguments = ["--key", "net_ema", "--stride", "1x1", "--eps", "0.001", "--order", "BGR"]
    arguments += ["--mean", "0.5,0.4,0.3", "--std", "0.2,0.25,0.3"]
    assert main([str(tmp_path / "net.pt"), str(tmp_path / "out"), *arguments]) == 0
    data = ((image / 255 - [0.5, 0.4, 0.3]) / [0.2, 0.25, 0.3])[..., ::-1].transpose(2, 0, 1)[None].astype(np.float32)
    with torch.no_grad():
        expected = net.features(torch.from_numpy(data)).numpy()
    assert close(features(tmp_path / "out", image), expected)


def deeplab_v2(arrays, before="base."):
    """A state dict of torchvision's names under those of kazuto1011/deeplab-pytorch."""
    parts = {"conv1": "reduce.conv", "conv2": "conv3x3.conv", "conv3": "increase.conv", "downsample.0": "shortcut.conv",
             "bn1": "reduce.bn", "bn2": "conv3x3.bn", "bn3": "increase.bn", "downsample.1": "shortcut.bn"}  # fmt: skip
    found = {}
    for name, each in arrays.items():
        if match := re.fullmatch(r"layer(\d)\.(\d+)\.(.+?)\.(\w+)", name):
            stage, block, part, kind = match.groups()
            name = f"layer{int(stage) + 1}.block{int(block) + 1}.{parts[part]}.{kind}"
        elif not name.startswith("fc"):
            name = f"layer1.conv1.{name.replace('conv1', 'conv').replace('bn1', 'bn')}"
        found[before + name] = each
    return found


def test_deeplab_v2_of_pytorch_gives_the_same_features_and_brings_its_classifiers(tmp_path, image, capsys):
    net = torch_net(50, stride_on_3x3=False)
    import torch

    net.maxpool.ceil_mode = True
    arrays = dict(net.state_dict())
    torch.save(deeplab_v2(arrays, before=""), tmp_path / "begin.pth")  # what its training begins with, one scale
    assert main([str(tmp_path / "begin.pth"), str(tmp_path / "begin")]) == 0
    assert "not used: fc.weight, fc.bias" in capsys.readouterr().out
    image = image[:63, :95]  # of which the stem makes an even map: rounding up tells
    data = (image[..., ::-1] - np.array([104.008, 116.669, 122.675])).transpose(2, 0, 1)[None].astype(np.float32)
    with torch.no_grad():
        expected = net.features(torch.from_numpy(data)).numpy()
    assert close(features(tmp_path / "begin", image), expected)
    assert not close(features(tmp_path / "begin", image, pool_ceil=False), expected)

    arrays = {name: each for name, each in arrays.items() if not name.startswith("fc.")}
    whole = deeplab_v2(arrays)
    for number in range(4):
        whole[f"base.aspp.c{number}.weight"] = torch.full((21, 2048 * WIDTH // 64, 3, 3), float(number))
        whole[f"base.aspp.c{number}.bias"] = torch.arange(21.0)
    torch.save(whole, tmp_path / "trained.pth")
    assert main([str(tmp_path / "trained.pth"), str(tmp_path / "trained")]) == 0
    arg, aux = params.load(tmp_path / "trained-0000.params")
    assert (arg["aspp_c2_weight"] == 2).all() and np.array_equal(arg["aspp_c3_bias"], np.arange(21))
    cfg = Config(symbol="resnet_v1_101_deeplab_v2")
    cfg.dataset.NUM_CLASSES, cfg.net.depth, cfg.net.width = 21, 50, WIDTH
    cfg.net.scales, cfg.net.aspp_rates, cfg.SCALES = [1.0, 0.5], [1, 2, 3, 4], [[64, 96]]
    engine_of(cfg, False, arg, aux)  # it has all that the network needs, and nothing else
    del arg["aspp_c3_bias"]
    with pytest.raises(ValueError, match="aspp_c3_bias"):
        engine_of(cfg, False, arg, aux)
    whole["base.aspp.c0.scale"] = whole["base.aspp.c0.bias"]
    torch.save(whole, tmp_path / "other.pth")
    assert main([str(tmp_path / "other.pth"), str(tmp_path / "other")]) == 1
    assert "has no aspp.c0.scale" in capsys.readouterr().err


def test_every_file_format_gives_the_same_arrays(tmp_path):
    """Read where importing torch is impossible."""
    state = torch_net(18).state_dict()
    import torch
    from safetensors.numpy import save_file

    def cast(dtype):
        return {name: each.to(dtype) if each.is_floating_point() else each for name, each in state.items()}

    turned = torch.nn.Parameter(state["conv1.weight"].permute(3, 2, 1, 0).contiguous().permute(3, 2, 1, 0))
    wrapped = {f"module.{name}": each for name, each in {**state, "conv1.weight": turned}.items()}
    torch.save(state, tmp_path / "zip.pth")
    torch.save(state, tmp_path / "stream.pth", _use_new_zipfile_serialization=False)
    torch.save({"epoch": 1, "state_dict": wrapped}, tmp_path / "checkpoint.pth")
    torch.save(cast(torch.float16), tmp_path / "half.pth")
    torch.save(cast(torch.bfloat16), tmp_path / "brain.pth")
    save_file({name: each.numpy() for name, each in state.items()}, tmp_path / "safe.safetensors")
    code = (
        "import sys; sys.modules['torch'] = None; from lib.weights.convert.__main__ import main\n"
        "for file in sys.argv[1:]: assert main([file, file.rsplit('.', 1)[0]]) == 0, file"
    )
    files = sorted(str(path) for path in tmp_path.iterdir())
    done = subprocess.run([sys.executable, "-c", code, *files], text=True, capture_output=True)
    assert done.returncode == 0 and len(files) == 6, done.stderr
    for file in files:
        arg, aux = params.load(f"{file.rsplit('.', 1)[0]}-0000.params")
        near = {"rtol": 1e-2 if "brain" in file else 1e-3 if "half" in file else 0, "atol": 1e-6}
        np.testing.assert_allclose(arg["conv1_weight"], state["conv1.weight"].numpy(), **near)
        np.testing.assert_allclose(aux["bn5b_branch2b_moving_var"], state["layer4.1.bn2.running_var"].numpy(), **near)
        assert all(each.dtype == np.float32 for each in arg.values()) and not any("batches" in name for name in aux)


# --- files that must not be trusted


class Evil:
    def __reduce__(self):
        return os.system, ("touch executed",)


def zip_of(path, content: bytes, **others):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("net/data.pkl", content)
        for name, each in others.items():
            archive.writestr(f"net/{name}", each)
    return path


def test_nothing_in_a_file_is_executed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    evil = pickle.dumps({"a": Evil()}, protocol=2)
    zip_of(tmp_path / "zip.pth", evil)
    (tmp_path / "stream.pth").write_bytes(evil)
    (tmp_path / "stream2.pth").write_bytes(pickle.dumps(torch_file.STREAM_MAGIC, 2) + evil)
    for name in ("zip", "stream", "stream2"):
        with pytest.raises(torch_file.TorchFileError, match=rf"{name}\.pth: the pickle in it wants \w+\.system"):
            torch_file.load(tmp_path / f"{name}.pth")
    assert not (tmp_path / "executed").exists()


def storage_pickle(count, size, stride, offset=0) -> bytes:
    """A state dict of one float32 tensor, in the opcodes that torch.save writes."""
    numbers = lambda values: b"(" + b"".join(b"J" + v.to_bytes(4, "little", signed=True) for v in values) + b"t"  # noqa: E731
    text = lambda value: b"X" + len(value).to_bytes(4, "little") + value  # noqa: E731
    storage = b"(" + text(b"storage") + b"ctorch\nFloatStorage\n" + text(b"0") + text(b"cpu")
    storage += b"J" + count.to_bytes(4, "little") + b"tQ"
    arguments = b"(" + storage + b"J" + offset.to_bytes(4, "little") + numbers(size) + numbers(stride) + b"\x89N" + b"t"
    return b"\x80\x02}" + text(b"a") + b"ctorch._utils\n_rebuild_tensor_v2\n" + arguments + b"Rs."


def test_tensors_stay_inside_their_storage(tmp_path):
    path, values = tmp_path / "a.pth", np.arange(6, dtype="<f4")
    zip_of(path, storage_pickle(6, (2, 3), (1, 2)), **{"data/0": values.tobytes()})
    assert torch_file.load(path)["a"].tolist() == [[0, 2, 4], [1, 3, 5]]
    for size, stride, offset in [((2, 3), (3, 1), 1), ((7,), (1,), 0), ((2,), (-1,), 3), ((3, 3), (3, 1), 0)]:
        zip_of(path, storage_pickle(6, size, stride, offset), **{"data/0": values.tobytes()})
        with pytest.raises(torch_file.TorchFileError, match="leaves its storage of 6 numbers"):
            torch_file.load(path)
    zip_of(path, storage_pickle(6, (6,), (1,)), **{"data/0": values.tobytes()[:-1]})
    with pytest.raises(torch_file.TorchFileError, match="23 bytes: the file is damaged"):
        torch_file.load(path)


def test_other_files_are_named(tmp_path, capsys):
    path = zip_of(tmp_path / "a.pth", storage_pickle(1, (1,), (1,)), **{"data/0": b"0000", "constants.pkl": b""})
    out = str(tmp_path / "out")
    for make, said in [
        (lambda: None, "a TorchScript program"),
        (lambda: zip_of(path, storage_pickle(1, (1,), (1,)), **{"data/0": b"0000"}), "no ResNet v1 in it"),
        (lambda: path.write_bytes(b"no pickle"), "not a .pth file, or damaged"),
        (lambda: path.write_bytes(pickle.dumps([1, 2], 2)), "not a .pth file, or damaged"),
        (lambda: zip_of(path, pickle.dumps({"model": 3}, 2)), "not only tensors in it; it has model"),
        (lambda: zip_of(path, pickle.dumps([3], 2)), "holds a list, expected a state dict"),
        (lambda: zip_of(path, b"", byteorder=b"big"), "big-endian"),
        (path.unlink, "No such file"),
    ]:
        make()
        assert main([str(path), out]) == 1
        assert said in capsys.readouterr().err
    assert main([str(tmp_path / "a.onnx"), out]) == 1
    assert "do not know this kind of file, expected .pth" in capsys.readouterr().err
    assert not list(tmp_path.glob("out*"))


def test_checksum_in_the_name_is_checked(tmp_path, capsys):
    content = zip_of(tmp_path / "a.pth", storage_pickle(1, (1,), (1,)), **{"data/0": b"0000"}).read_bytes()
    (tmp_path / "net-0123abcd.pth").write_bytes(content)
    assert main([str(tmp_path / "net-0123abcd.pth"), str(tmp_path / "out")]) == 1
    assert "its name promises the checksum 0123abcd, its SHA-256 is" in capsys.readouterr().err
    for digest in (hashlib.sha256(content), hashlib.sha1(content)):
        named = tmp_path / f"net-{digest.hexdigest()[:8]}.pth"
        shutil.copy(tmp_path / "a.pth", named)
        assert main([str(named), str(tmp_path / "out")]) == 1
        assert "no ResNet v1 in it" in capsys.readouterr().err


# --- Gluon


def gluon_net(depth, prefix=None):
    block = gluon_resnet.BottleneckV1 if depth in BOTTLENECKS else gluon_resnet.BasicBlockV1
    expansion = 4 if depth in BOTTLENECKS else 1
    channels = [WIDTH, *(WIDTH * expansion * 2**stage for stage in range(4))]
    net = gluon_resnet.ResNetV1(block, list(COUNTS[depth]), channels, classes=10, prefix=prefix)
    net.initialize(mx.init.Xavier())
    net(mx.nd.zeros((1, 3, 64, 64)))
    random = np.random.default_rng(depth)
    for name, each in net.collect_params().items():
        kinds = {"gamma": (1, 0.2), "beta": (0, 0.2), "bias": (0, 0.2), "mean": (0, 0.2)}
        middle, spread = kinds.get(name.rsplit("_", 1)[1], (None, None))
        if name.endswith("running_var"):
            each.set_data(mx.nd.array(random.uniform(0.5, 2, each.shape)))
        elif middle is not None:
            each.set_data(mx.nd.array(random.normal(middle, spread, each.shape)))
    return net


@pytest.mark.parametrize(("depth", "form"), [(18, "exported"), (34, "counted"), (50, "counted"), (101, "numbered")])
def test_gluon_networks_give_the_same_features(tmp_path, image, depth, form):
    net = gluon_net(depth, "resnetv10_")
    if form == "numbered":
        net.save_parameters(str(tmp_path / "net.params"))
    elif form == "counted":
        net.collect_params().save(str(tmp_path / "net.params"))
    else:
        net.hybridize()
        net(mx.nd.zeros((1, 3, 64, 64)))
        net.export(str(tmp_path / "net"))
        (tmp_path / "net-0000.params").rename(tmp_path / "net.params")
    assert main([str(tmp_path / "net.params"), str(tmp_path / "out")]) == 0
    expected = net.features[:-1](mx.nd.array(normalized(image))).asnumpy()
    assert np.abs(expected).max() > 0.1 and close(features(tmp_path / "out", image), expected)
    if depth == 50:
        assert not close(features(tmp_path / "out", image, stride_on_3x3=True), expected)


def test_other_networks_are_refused(tmp_path, capsys):
    def said_of(net):
        net.initialize()
        net(mx.nd.zeros((1, 3, 64, 64)))
        net.save_parameters(str(tmp_path / "net.params"))
        assert main([str(tmp_path / "net.params"), str(tmp_path / "out")]) == 1
        return capsys.readouterr().err

    v1, v2, basic = gluon_resnet.ResNetV1, gluon_resnet.ResNetV2, gluon_resnet.BasicBlockV1
    widths = [8, 8, 16, 32, 64]
    assert "no ResNet v1 in it" in said_of(v2(gluon_resnet.BasicBlockV2, [2, 2, 2, 2], widths))
    assert "(2, 2, 2, 3) basic blocks per stage, numbered from 0; known are {10:" in said_of(
        v1(basic, [2, 2, 2, 3], widths)
    )
    assert "res3a_branch1_weight has shape (24, 8, 1, 1), expected (16, 8, 1, 1)" in said_of(
        v1(basic, [2, 2, 2, 2], [8, 8, 24, 32, 64])
    )
    arrays = dict(gluon_net(18, "resnetv10_").collect_params().items())
    arrays = {name: each.data() for name, each in arrays.items()}
    arrays["resnetv10_stage2_conv9_weight"] = arrays["resnetv10_stage2_conv0_weight"]
    mx.nd.save(str(tmp_path / "net.params"), arrays)
    assert main([str(tmp_path / "net.params"), str(tmp_path / "out")]) == 1
    assert "error: " in capsys.readouterr().err
    strange = {"conv1.weight": arrays["resnetv10_conv0_weight"], "layer1.7.conv4.weight": mx.nd.zeros((1,))}
    mx.nd.save(str(tmp_path / "net.params"), strange)
    assert main([str(tmp_path / "net.params"), str(tmp_path / "out")]) == 1
    assert "(1, 0, 0, 0) basic blocks per stage" in capsys.readouterr().err
    own = {"conv1_weight": np.zeros((8, 3, 7, 7), np.float32)}
    params.save(tmp_path / "own-0000.params", own, {})
    assert main([str(tmp_path / "own-0000.params"), str(tmp_path / "out")]) == 1
    assert "has this project's names already" in capsys.readouterr().err


# --- the settings beside the weights


def test_training_refuses_other_settings_than_the_weights_need(tmp_path):
    gluon_net(18).save_parameters(str(tmp_path / "net.params"))
    assert main([str(tmp_path / "net.params"), str(tmp_path / "r18")]) == 0
    (tmp_path / "some.yaml").write_text("symbol: resnet_v1_101_deeplab\n")
    given = [f"network.pretrained={tmp_path / 'r18'}", "net.depth=18", f"net.width={WIDTH}", "net.pool_pad=1"]
    with pytest.raises(ConfigError) as error:
        read_pretrained(load(tmp_path / "some.yaml", given))
    told = str(error.value).splitlines()
    assert len(told) == 2 and told[0].startswith("network.PIXEL_MEANS: ")
    assert told[1].endswith("r18-0000.yaml needs [57.375, 57.12, 58.395], the configuration has [1.0, 1.0, 1.0]")
    given += ["network.PIXEL_MEANS=[103.53,116.28,123.675]", "net.pixel_stds=[57.375,57.12,58.395]"]
    path, arg, aux = read_pretrained(load(tmp_path / "some.yaml", given))
    assert path.name == "r18-0000.params" and len(arg["conv1_weight"]) == WIDTH
    (tmp_path / "r18-0000.yaml").unlink()  # the original's files have none
    read_pretrained(load(tmp_path / "some.yaml", given[:3]))
