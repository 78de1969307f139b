# SPDX-License-Identifier: Apache-2.0
"""The importer of Caffe networks, on small ones written here and, where they are, on those of the ACU authors."""

from __future__ import annotations

from pathlib import Path

import mxnet as mx
import numpy as np
import pytest
from google.protobuf import text_format

from lib.weights.caffe import positions
from lib.weights.caffe.__main__ import main
from lib.weights.caffe.aconv import parse, to_grid
from lib.weights.caffe.build import build
from lib.weights.caffe.check import check
from lib.weights.caffe.evaluate import evaluate, sample
from lib.weights.caffe.read import CaffeError, read
from lib.weights.caffe.schema import NetParameter

AUTHORS = Path(__file__).parents[4] / "shared/data/acu_cifar10"
with_authors = pytest.mark.skipif(
    not (AUTHORS / "plain_deploy.prototxt").is_file(), reason=f"the authors' models are not in {AUTHORS}"
)
INPUT = (
    'layer {{ name: "data" type: "Input" top: "data" input_param {{ shape {{ dim: 1 dim: {} dim: {} dim: {} }} }} }}\n'
)


def layer(name, kind, bottoms, top=None, text=""):
    reads = " ".join(f'bottom: "{each}"' for each in bottoms.split())
    return f'layer {{ name: "{name}" type: "{kind}" {reads} top: "{top or name}" {text} }}\n'


def aconv(name, bottom, conv, shape="", **kwargs):
    return layer(name, "AConvFast", bottom, text=f"convolution_param {{ {conv} }} aconv_param {{ {shape} }}", **kwargs)


def write(folder, prototxt, blobs, size=(3, 9, 11)):
    """Both files; blobs: {layer: arrays}."""
    text = 'name: "small"\n' + INPUT.format(*size) + prototxt
    net = text_format.Parse(text, NetParameter())
    for spec in net.layer:
        for array in blobs.get(spec.name, ()):
            blob = spec.blobs.add()
            blob.shape.dim.extend(array.shape)
            blob.data.extend(np.asarray(array, np.float32).ravel().tolist())
    files = folder / "small.caffemodel", folder / "deploy.prototxt"
    files[0].write_bytes(net.SerializeToString())
    files[1].write_text(text)
    return files


def active(random, filters, channels, kernel, groups=1, bias=False):
    """Blobs of an AConvFast layer with taps anywhere within three pixels."""
    places = [random.uniform(-3, 3, (groups, 1, *kernel)) for _ in range(2)]
    bias = random.standard_normal(filters) if bias else np.zeros((1, 1, 1, 1))
    return [random.standard_normal((filters, channels, *kernel)), bias, *places]


ACTIVE = {  # convolution_param, aconv_param, kernel, groups
    "square": ("pad: 1 kernel_size: 3", "", (3, 3), 1),
    "square without padding, stride 2": ("kernel_size: 3 stride: 2", "base_radius: 2", (3, 3), 1),
    "square 5x5, per filter": ("pad: 3 kernel_size: 5", "position_group: 4", (5, 5), 4),
    "1x1": ("kernel_size: 1", "", (1, 1), 1),
    "circle, turned": ("kernel_size: 3 stride: 3", "type: CIRCLE pad: 1 base_angle: 0.4 normalize: true", (3, 3), 2),
    "random 2x3": ("kernel_h: 2 kernel_w: 3", "type: RANDOM pad_w: 1 pad_h: -1", (2, 3), 2),
    "random 1x4": ("kernel_h: 1 kernel_w: 4 stride_h: 2 stride_w: 1", "type: RANDOM pad: 2", (1, 4), 1),
    "random 2x1, far in": ("kernel_h: 2 kernel_w: 1", "type: RANDOM pad_w: -2 pad_h: -3", (2, 1), 1),
}


@pytest.mark.parametrize("name", ACTIVE)
def test_active_layer_equals_numpy(tmp_path, name):
    conv, shape, kernel, groups = ACTIVE[name]
    random = np.random.default_rng(1)
    shape += f" position_group: {groups}" if groups == 2 else ""
    text = aconv("a/1", "data", f"num_output: 4 {conv}", shape)
    net = read(*write(tmp_path, text, {"a/1": active(random, 4, 3, kernel, groups, bias=True)}))
    found = check(net, build(net))
    assert [each.layer for each in found] == ["a/1"] and found[0].relative < 1e-5 and found[0].scale > 1


def test_bias_is_left_out_where_the_layer_has_none(tmp_path):
    text = aconv("a", "data", "num_output: 2 kernel_size: 3 bias_term: false")
    net = read(*write(tmp_path, text, {"a": active(np.random.default_rng(0), 2, 3, (3, 3))}))
    assert set(build(net).arg) == {"a_offset", "a_weight"}
    check(net, build(net))


def test_taps_on_the_lattice_are_offset_zero_in_row_major_order(tmp_path):
    around = np.array([(0, 0), (1, 0), (1, 1), (0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1)], float)  # x, y
    weight = np.arange(9.0).reshape(1, 1, 3, 3)
    blobs = [weight, np.zeros((1, 1, 1, 1)), *around.T.reshape(2, 1, 1, 3, 3)]
    text = aconv("a", "data", "num_output: 1 kernel_size: 3 pad: 1 bias_term: false", "normalize: true")
    net = read(*write(tmp_path, text, {"a": blobs}, size=(1, 5, 5)))
    built = build(net)
    assert not built.arg["a_offset"].any()
    assert built.arg["a_weight"].ravel().tolist() == [6, 7, 8, 5, 0, 1, 4, 3, 2]
    node = built.symbol.attr_dict()["a"]
    assert node["fixed_taps"] == "(4,)" and node["normalize_grad"] == "True" and node["pad"] == "(1, 1)"
    blobs[2] = blobs[2] + np.eye(9)[2].reshape(1, 1, 3, 3)  # tap 2, below right, one pixel further right
    moved = to_grid(parse(read(*write(tmp_path, text, {"a": blobs}, size=(1, 5, 5))).layers[0])).offset
    assert moved[0, 0, 2, 2].tolist() == [0, 1] and np.abs(moved).sum() == 1
    doubled = [weight, blobs[1], *2 * around.T.reshape(2, 1, 1, 3, 3)]
    text = aconv("a", "data", "num_output: 1 kernel_size: 3 pad: 2 bias_term: false", "base_radius: 2")
    grid = to_grid(parse(read(*write(tmp_path, text, {"a": doubled}, size=(1, 5, 5))).layers[0]))
    assert not grid.offset.any() and grid.dilate == (2, 2) and grid.pad == (3, 3)


def test_sampling_in_numpy_fades_to_zero_over_one_pixel():
    data = np.arange(12.0).reshape(1, 1, 3, 4) + 1
    rows, columns = np.array([-1.5, -0.25, 0, 1.5, 2.5, 9]), np.array([0.0, 3.5])
    assert sample(data, rows, columns)[0, 0].tolist() == [
        [0, 0], [0.75, 1.5], [1, 2], [7, 5], [4.5, 3], [0, 0]
    ]  # fmt: skip


def many_layers(random):
    """A network of every layer type and its blobs."""
    text = (
        layer("c", "Convolution", "data", text="convolution_param { num_output: 4 kernel_size: 3 stride: 1 pad: 2 "
              "dilation: 2 group: 1 weight_filler { type: \"msra\" } }")
        + layer("n", "BatchNorm", "c", "c")
        + layer("s", "Scale", "c", "c", "scale_param { bias_term: true }")
        + layer("r", "ReLU", "c", "c", "relu_param { negative_slope: 0.1 }")
        + aconv("a", "c", "num_output: 4 kernel_size: 3 pad: 1 bias_term: false")
        + layer("n2", "BatchNorm", "a", text="batch_norm_param { eps: 0.01 }")
        + layer("e", "Eltwise", "c n2", text="eltwise_param { coeff: 1 coeff: -0.5 }")
        + layer("s2", "Scale", "e", text="scale_param { bias_term: false }")
        + layer("p", "Pooling", "s2", text="pooling_param { pool: MAX kernel_size: 2 stride: 2 pad: 1 }")
        + layer("q", "Pooling", "s2", text="pooling_param { pool: AVE kernel_size: 2 stride: 2 pad: 1 }")
        + layer("m", "Eltwise", "p q", text="eltwise_param { operation: MAX }")
        + layer("k", "Concat", "p q m")
        + layer("g", "Convolution", "k", text="convolution_param { num_output: 6 kernel_h: 1 kernel_w: 3 pad_h: 0 "
                "pad_w: 1 stride_h: 1 stride_w: 2 group: 3 bias_term: false }")
        + layer("d", "Dropout", "g", "g")
        + layer("v", "Pooling", "g", text="pooling_param { pool: AVE global_pooling: true }")
        + layer("f", "Flatten", "g")
        + layer("i", "InnerProduct", "f", text="inner_product_param { num_output: 5 }")
        + layer("o", "Softmax", "i")
        + 'layer { name: "only_in_training" type: "Accuracy" bottom: "o" top: "z" include { phase: TRAIN } }\n'
    )  # fmt: skip
    statistics = lambda n: [random.standard_normal(n), random.uniform(1, 9, n), np.array([2.5])]  # noqa: E731
    blobs = {
        "c": [random.standard_normal((4, 3, 3, 3)), random.standard_normal(4)], "n": statistics(4),
        "s": [random.standard_normal(4), random.standard_normal(4)], "a": active(random, 4, 4, (3, 3)),
        "n2": [*statistics(4)[:2], np.zeros(1)], "s2": [random.standard_normal(4)],
        "g": [random.standard_normal((6, 4, 1, 3))],
        "i": [random.standard_normal((5, 6 * 5 * 3)) / 20, random.standard_normal(5)],
    }  # fmt: skip
    return text, blobs


@pytest.mark.parametrize("size", [(3, 9, 10), (3, 10, 9)])
def test_every_layer_type_equals_numpy(tmp_path, size):
    """Pooling leaves out a last window that would begin in the padding behind the map: rows here, then columns."""
    text, blobs = many_layers(np.random.default_rng(3))
    blobs["i"][0] = blobs["i"][0][:, : 6 * (5 if size[1] == 9 else 6) * 3]
    if size[1] == 10:
        blobs["i"][0] = np.random.default_rng(4).standard_normal((5, 6 * 6 * 3)) / 20
    net = read(*write(tmp_path, text, blobs, size))
    built = build(net)
    assert [each.layer for each in check(net, built)] == [each.name for each in net.layers if each.name != "n"]
    assert {"p_cut_output", "q_cut_output"} <= set(built.symbol.get_internals().list_outputs())
    assert net.outputs == ("v", "o") and built.symbol.list_outputs() == ["v_output", "o_output"]
    assert {"n_gamma", "n2_gamma", "s2_weight", "i_bias"} <= set(built.arg) and "s_weight" not in built.arg


def test_a_wrong_layer_is_found_by_name(tmp_path):
    text, blobs = many_layers(np.random.default_rng(3))
    net = read(*write(tmp_path, text, blobs, (3, 9, 10)))
    built = build(net)
    built.arg["a_weight"][0, 0, 0, 0] += 1
    with pytest.raises(CaffeError, match="layer 'a': differs by"):
        check(net, built)


def test_command_writes_what_mxnet_loads(tmp_path, capsys):
    text, blobs = many_layers(np.random.default_rng(3))
    files = write(tmp_path, text, blobs, (3, 9, 10))
    assert main([*map(str, files), str(tmp_path / "out/small")]) == 0
    said = capsys.readouterr().out
    assert "18 layers, 1 of them AConvFast" in said and "equal to NumPy" in said
    with_json = mx.gluon.SymbolBlock.imports(
        str(tmp_path / "out/small-symbol.json"), ["data"], str(tmp_path / "out/small-0000.params")
    )
    data = np.random.default_rng(5).standard_normal((2, 3, 9, 10)).astype(np.float32)
    got = [each.asnumpy() for each in with_json(mx.nd.array(data))]
    expected = dict(evaluate(read(*files), data))
    np.testing.assert_allclose(got[0], expected["v"], atol=1e-4)
    np.testing.assert_allclose(got[1], expected["o"], atol=1e-4)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (layer("l", "LRN", "data", text="lrn_param { alpha: 1 }"), "layer 'l' has type 'LRN', supported are Input, "),
        (layer("d", "Data", "data"), "layer 'd' has type 'Data'.*give the deploy prototxt"),
        (layer("r", "ReLU", "data", text="relu_param { slope: 1 }"), 'has no field named "slope"'),
        (layer("r", "ReLU", "nothing"), "layer 'r' reads 'nothing', which nothing before it writes"),
        ("layer {", "deploy.prototxt"),
        (layer("p", "Pooling", "data", text="pooling_param { pool: STOCHASTIC kernel_size: 2 }"), "'p'.*stochastic"),
        (aconv("a", "data", "num_output: 4 kernel_size: 3 dilation: 2"), r"'a' \(AConvFast\): .* no dilation"),
        (aconv("a", "data", "num_output: 4 kernel_size: 5"), r"weight has shape \(4, 3, 3, 3\), expected \(4, any, 5"),
        (aconv("a", "data", "num_output: 4 kernel_size: 3", "position_group: 2"), r"x positions has shape \(1, 1, 3"),
        (aconv("b", "data", "num_output: 4 kernel_size: 3"), "'b' .AConvFast. has 0 blobs, expected 4"),
        (aconv("a", "data", "num_output: 4"), "kernel: not given"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path, text, said):
    blobs = {"a": active(np.random.default_rng(0), 4, 3, (3, 3), bias=True)}
    files = tmp_path / "m", tmp_path / "deploy.prototxt"
    try:
        files = write(tmp_path, text, blobs)
    except text_format.ParseError:
        files[0].write_bytes(write(tmp_path, layer("r", "ReLU", "data"), {})[0].read_bytes())
        files[1].write_text(INPUT.format(3, 9, 11) + text)
    with pytest.raises(CaffeError, match=said):
        build(read(*files))


def test_what_is_no_model_is_named(tmp_path, capsys):
    model, prototxt = write(tmp_path, layer("r", "ReLU", "data"), {})
    model.write_bytes(model.read_bytes()[:-3])
    assert main([str(model), str(prototxt), str(tmp_path / "out")]) == 1
    assert "small.caffemodel: not a .caffemodel, or cut off" in capsys.readouterr().err
    model.write_bytes(b"")
    with pytest.raises(CaffeError, match="no layers in it"):
        read(model, prototxt)
    assert not list(tmp_path.glob("out*"))


@with_authors
@pytest.mark.parametrize("iteration", [10000, 30000, 50000])
def test_authors_networks_equal_numpy(iteration):
    net = read(AUTHORS / f"plain_iter_{iteration}.caffemodel", AUTHORS / "plain_deploy.prototxt")
    assert max(each.relative for each in check(net, build(net))) < 1e-5


@with_authors
def test_authors_taps_stand_on_the_lattice_at_first_and_have_moved_later(tmp_path):
    found = {
        number: positions.places(AUTHORS / f"plain_iter_{number}.caffemodel", AUTHORS / "plain_deploy.prototxt")
        for number in (10000, 30000, 50000)
    }
    assert list(found[10000]) == ["conv1_1/1", "conv1_1/2", "conv2_1/1", "conv2_1/2", "conv3_1/1", "conv3_1/2"]
    lattice = sorted((float(y), float(x)) for y in (-1, 0, 1) for x in (-1, 0, 1))
    for name, places in found[10000].items():
        assert sorted(map(tuple, places[0].tolist())) == lattice
        for later in (30000, 50000):
            moved = np.linalg.norm(found[later][name] - places, axis=-1)[0]
            assert moved[0] == 0 and moved[1:].min() > 0 and 0.1 < moved.max() < 1
    further = [np.abs(found[50000][name] - found[10000][name]).max() for name in ("conv1_1/1", "conv3_1/2")]
    assert further[0] < 0.15 and further[1] > 0.5  # low layers stay, the last one opens


def test_picture_shows_every_place(tmp_path):
    random = np.random.default_rng(0)
    layers = [{f"l{n}": random.uniform(-1, 1, (2, 9, 2)) for n in range(4)} for _ in range(2)]
    figure = positions.draw({"early": layers[0], "late": layers[1]})
    for number in range(4):
        dots = [each.get_offsets() for each in figure.axes[number].collections]
        for drawn, model in zip(dots, layers):
            np.testing.assert_allclose(drawn, model[f"l{number}"].reshape(-1, 2)[:, ::-1])  # x, y
        assert figure.axes[number].yaxis_inverted()
