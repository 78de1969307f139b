# SPDX-License-Identifier: Apache-2.0
"""Every field of Caffe's messages is used, of no consequence, or refused by layer and name."""

from __future__ import annotations

import numpy as np
import pytest
from google.protobuf import text_format

from lib.weights.caffe import fields
from lib.weights.caffe.build import build
from lib.weights.caffe.check import check
from lib.weights.caffe.read import SUPPORTED, CaffeError, read
from lib.weights.caffe.schema import _MESSAGES, NetParameter

INPUT = 'layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 3 dim: 9 dim: 11 } } }\n'
RNG = np.random.default_rng(0)
BLOBS = {
    "Convolution": [RNG.normal(size=(4, 3, 3, 3)), RNG.normal(size=4)],
    "InnerProduct": [RNG.normal(size=(5, 297)) / 20, RNG.normal(size=5)],
    "BatchNorm": [RNG.normal(size=3), RNG.uniform(1, 9, 3), np.array([2.0])],
    "Scale": [RNG.normal(size=3), RNG.normal(size=3)],
    "AConvFast": [RNG.normal(size=(4, 3, 3, 3)), RNG.normal(size=4), *RNG.uniform(-2, 2, (2, 1, 1, 3, 3))],
}
PARAMETERS = {
    "Convolution": "convolution_param { num_output: 4 kernel_size: 3 %s }",
    "InnerProduct": "inner_product_param { num_output: 5 %s }",
    "BatchNorm": "batch_norm_param { %s }",
    "Scale": "scale_param { bias_term: true %s }",
    "AConvFast": "convolution_param { num_output: 4 kernel_size: 3 } aconv_param { %s }",
    "ReLU": "relu_param { %s }",
    "Pooling": "pooling_param { kernel_size: 2 %s }",
    "Eltwise": "eltwise_param { %s }",
    "Concat": "concat_param { %s }",
    "Flatten": "flatten_param { %s }",
    "Dropout": "dropout_param { %s }",
    "Softmax": "softmax_param { %s }",
}


def network(folder, kind: str, inside: str = "", outside: str = "", above: str = "", blobs=None, bottom='"data"'):
    """A network of one layer `l`; what it makes of it: what it computes, or CaffeError."""
    bottoms = " ".join(f"bottom: {each}" for each in ([bottom] * (2 if kind == "Eltwise" else 1)))
    inside = PARAMETERS[kind] % inside
    text = above + INPUT + f'layer {{ name: "l" type: "{kind}" {bottoms} top: "l" {inside} {outside} }}\n'
    net = text_format.Parse(text, NetParameter(), allow_unknown_field=True)
    for array in BLOBS.get(kind, ()) if blobs is None else blobs:
        blob = net.layer[-1].blobs.add()
        blob.shape.dim.extend(array.shape)
        blob.data.extend(np.asarray(array, np.float32).ravel().tolist())
    (folder / "m.caffemodel").write_bytes(net.SerializeToString())
    (folder / "deploy.prototxt").write_text(text)
    return read(folder / "m.caffemodel", folder / "deploy.prototxt")


def test_every_field_of_the_schema_has_its_place():
    """BlobProto and FillerParameter are the model's and training's; of all others each field is listed once."""
    types = {"LayerParameter": set().union(*fields.OWN.values()) | {"blobs"}}
    for message, text in _MESSAGES.items():
        if message in ("BlobProto", "FillerParameter"):
            continue
        names = {each.split()[1] for each in text.replace("\n", " ").split(",")}
        used, harmless = (set(table.get(message, "").split()) for table in (fields.USED, fields.HARMLESS))
        assert not used & harmless, message
        assert used | harmless | types.get(message, set()) == names, message
    assert set(fields.OWN) == set(SUPPORTED)


@pytest.mark.parametrize("kind", PARAMETERS)
def test_the_plain_layer_is_imported(tmp_path, kind):
    net = network(tmp_path, kind)
    assert check(net, build(net))[-1].layer == "l"


HARMLESS = [
    ("Convolution", 'weight_filler { type: "xavier" std: 3 } bias_filler { value: 2 } engine: CUDNN'),
    ("Convolution", "force_nd_im2col: true"),
    ("InnerProduct", 'weight_filler { type: "xavier" } bias_filler { value: 2 }'),
    ("Scale", "filler { value: 3 } bias_filler { value: 2 }"),
    ("AConvFast", "pos_filler_std: 3"),
    ("ReLU", "engine: CAFFE"), ("Pooling", "engine: CAFFE"), ("Softmax", "engine: CUDNN"),
    ("Eltwise", "stable_prod_grad: false"), ("BatchNorm", "use_global_stats: true"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "inside"), HARMLESS)
def test_what_is_called_harmless_changes_nothing(tmp_path, kind, inside):
    plain = build(network(tmp_path, kind))
    outside = 'param { lr_mult: 3 decay_mult: 2 name: "w" } loss_weight: 2 propagate_down: true phase: TEST'
    above = "force_backward: true debug_info: true state { phase: TEST }\n"
    other = build(network(tmp_path, kind, inside, outside, above))
    assert other.symbol.tojson() == plain.symbol.tojson()
    assert all((other.arg[name] == value).all() for name, value in plain.arg.items())


USED = [
    ("Convolution", "pad: 1"), ("Convolution", "stride: 2"), ("Convolution", "dilation: 2"),
    ("Convolution", "pad_h: 1 pad_w: 2"), ("Convolution", "stride_h: 1 stride_w: 2"), ("Pooling", "pool: AVE"),
    ("Pooling", "stride: 2"), ("Pooling", "pad: 1"), ("Pooling", "round_mode: FLOOR stride: 2"),
    ("Pooling", "stride_h: 2 stride_w: 1"), ("Pooling", "pad_h: 1 pad_w: 0"), ("ReLU", "negative_slope: 0.3"),
    ("BatchNorm", "eps: 0.1"), ("BatchNorm", "moving_average_fraction: 0.5"), ("Eltwise", "operation: PROD"),
    ("Eltwise", "coeff: 1 coeff: -2"), ("Concat", "axis: 2"), ("Concat", "concat_dim: 3"), ("Softmax", "axis: 2"),
    ("Dropout", "dropout_ratio: 0.25"), ("AConvFast", "base_angle: 0.4 type: CIRCLE"), ("AConvFast", "normalize: true"),
    ("AConvFast", "type: RANDOM pad: 2"), ("AConvFast", "type: RANDOM pad_h: 1 pad_w: 2"),
    ("AConvFast", "base_radius: 2"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "inside"), USED)
def test_what_is_called_used_makes_another_network(tmp_path, kind, inside):
    plain, net = build(network(tmp_path, kind)), network(tmp_path, kind, inside)
    changed = build(net)
    same_values = all(np.array_equal(changed.arg.get(name), value) for name, value in plain.arg.items())
    assert changed.symbol.tojson() != plain.symbol.tojson() or not same_values
    check(net, changed)


REFUSED = [
    ("BatchNorm", "use_global_stats: false", "", "batch_norm_param.use_global_stats"),
    ("ReLU", "", "phase: TRAIN", "phase: expected TEST"),
    ("ReLU", "", "pooling_param { kernel_size: 2 }", "pooling_param: a ReLU layer has none"),
    ("Pooling", "", "convolution_param { pad: 1 }", "convolution_param: a Pooling layer has none"),
    ("ReLU", "", "blobs { data: 1 }", "blobs is not used here"),
    ("ReLU", "", "include { phase: TEST } exclude { phase: TRAIN }", "include and exclude"),
    ("ReLU", "", 'bottom: "data"', "expected one input"),
    ("Convolution", "", 'bottom: "data"', "expected one input"),
    ("Softmax", "", 'bottom: "data"', "expected one input"),
    ("Convolution", "kernel_h: 3 kernel_w: 3", "", "convolution_param.kernel_size and kernel_h, kernel_w"),
    ("Convolution", "pad: 1 pad_h: 2 pad_w: 2", "", "convolution_param.pad and pad_h, pad_w"),
    ("Convolution", "pad_h: 1", "", "pad_h and pad_w stand together"),
    ("Convolution", "dilation: 1 dilation: 2 dilation: 3", "", "convolution_param.dilation: expected one number"),
    ("Convolution", "stride: 0", "", "convolution_param.stride: expected at least 1"),
    ("Convolution", "group: 0", "", "convolution_param.group: expected at least 1"),
    ("Convolution", "dilation: 0", "", "convolution_param.dilation: expected at least 1"),
    ("Convolution", "axis: 2", "", "axis 2, expected 1"),
    ("Pooling", "kernel_h: 3 kernel_w: 3", "", "pooling_param.kernel_size and kernel_h, kernel_w"),
    ("Pooling", "stride_h: 2", "", "stride_h and stride_w stand together"),
    ("Pooling", "stride: 0", "", "pooling_param.stride: expected at least 1"),
    ("Pooling", "stride: 2 stride_h: 1 stride_w: 1", "", "pooling_param.stride and stride_h, stride_w"),
    ("Pooling", "global_pooling: true", "", "pooling_param.global_pooling and kernel_size"),
    ("Pooling", "pool: STOCHASTIC", "", "stochastic"),
    ("Concat", "axis: 1 concat_dim: 1", "", "concat_param.concat_dim and axis"),
    ("Flatten", "axis: 2", "", "axes 2 to -1"),
    ("Scale", "num_axes: 2", "", "num_axes"),
    ("Scale", "axis: 2", "", "axis"),
    ("InnerProduct", "axis: 2", "", "axis 2"),
    ("AConvFast", "pad: 1", "", "aconv_param.pad is for other types"),
    ("AConvFast", "type: RANDOM pad: 1 pad_h: 1 pad_w: 1", "", "aconv_param.pad and pad_h, pad_w"),
    ("AConvFast", "position_group: 0", "", "aconv_param.position_group: expected at least 1"),
    ("ReLU", "slope: 1", "", 'no field named "slope"'),
    ("ReLU", "", "prelu_param { }", "prelu_param"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "inside", "outside", "told"), REFUSED)
def test_what_is_not_understood_is_refused(tmp_path, kind, inside, outside, told):
    with pytest.raises(CaffeError) as error:
        build(network(tmp_path, kind, inside, outside))
    assert told in str(error.value) and ("'l'" in str(error.value) or "deploy.prototxt" in str(error.value))


def test_padding_of_the_convolution_in_a_circle(tmp_path):
    text = PARAMETERS["AConvFast"]
    PARAMETERS["AConvFast"] = "convolution_param { num_output: 4 kernel_size: 3 pad: 2 } aconv_param { %s }"
    try:
        with pytest.raises(CaffeError, match="convolution_param.pad: only type SQUARE"):
            network(tmp_path, "AConvFast", "type: CIRCLE pad: 1")
        network(tmp_path, "AConvFast")
    finally:
        PARAMETERS["AConvFast"] = text


@pytest.mark.parametrize(("above", "told"), [
    ("state { phase: TRAIN }", "state: expected the TEST phase"), ("state { level: 1 }", "state"),
    ('state { stage: "deploy" }', "state"), ('input: "x" input_dim: 1', "input_dim: 1 numbers for 1 inputs"),
    ("input_shape { dim: 1 }", "input_shape: 1 of them for 0 inputs"),
    ('layer { name: "l" type: "ReLU" bottom: "data" top: "data" }', "several layers have this name"),
    ('layer { name: "k" type: "LRN" bottom: "data" top: "k" }', "layer 'k' has type 'LRN'"),
])  # fmt: skip
def test_what_stands_above_the_layers_is_understood_or_refused(tmp_path, above, told):
    with pytest.raises(CaffeError) as error:
        network(tmp_path, "ReLU", above=above + "\n")
    assert told in str(error.value)


def test_parameters_that_are_shared_are_refused(tmp_path):
    one = 'layer { name: "%s" type: "InnerProduct" bottom: "%s" top: "%s" param { name: "w" } inner_product_param '
    one += "{ num_output: 5 } }\n"
    text = INPUT + one % ("a", "data", "a") + one % ("b", "a", "b")
    (tmp_path / "deploy.prototxt").write_text(text)
    (tmp_path / "m").write_bytes(text_format.Parse(text, NetParameter()).SerializeToString())
    with pytest.raises(CaffeError, match="param.name 'w': layers that share"):
        read(tmp_path / "m", tmp_path / "deploy.prototxt")


@pytest.mark.parametrize(("rule", "there"), [
    ("include { phase: TEST }", True), ("include { phase: TRAIN }", False), ("exclude { phase: TEST }", False),
    ("include { min_level: 1 }", False), ("include { min_level: 0 max_level: 0 }", True),
    ("include { max_level: -1 }", False), ('include { stage: "x" }', False), ('include { not_stage: "x" }', True),
    ('exclude { stage: "x" }', True), ('exclude { not_stage: "x" }', False), ("exclude { min_level: 0 }", False),
])  # fmt: skip
def test_rules_of_when_a_layer_is_there(tmp_path, rule, there):
    net = network(tmp_path, "ReLU", "", rule)
    assert [layer.name for layer in net.layers] == (["l"] if there else [])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e39])
@pytest.mark.parametrize("kind", sorted(BLOBS))
def test_numbers_that_are_not_finite_are_refused(tmp_path, kind, value):
    for number in range(len(BLOBS[kind])):
        blobs = [each.copy() for each in BLOBS[kind]]
        blobs[number].ravel()[-1] = value
        with np.errstate(over="ignore"), pytest.raises(CaffeError, match="m.caffemodel: layer 'l': 1 of its numbers"):
            network(tmp_path, kind, blobs=blobs)


def test_models_of_other_layers_are_refused(tmp_path):
    net = network(tmp_path, "Convolution")
    text = (tmp_path / "deploy.prototxt").read_text()
    (tmp_path / "deploy.prototxt").write_text(INPUT + 'layer { name: "l" type: "ReLU" bottom: "data" top: "l" }')
    with pytest.raises(CaffeError, match="has a Convolution layer of that name"):
        read(tmp_path / "m.caffemodel", tmp_path / "deploy.prototxt")
    with pytest.raises(CaffeError, match="1 blobs for it, expected none"):
        network(tmp_path, "ReLU", blobs=[np.ones(3)])
    whole = text_format.Parse(text, NetParameter())
    del net
    for length in range(0, 60, 7):
        (tmp_path / "m.caffemodel").write_bytes(whole.SerializeToString()[:length])
        with pytest.raises(CaffeError):
            read(tmp_path / "m.caffemodel", tmp_path / "deploy.prototxt")
