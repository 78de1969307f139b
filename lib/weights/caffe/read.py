# SPDX-License-Identifier: Apache-2.0
"""Reads a network's prototxt and its .caffemodel into plain layers with NumPy blobs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from google.protobuf import message, text_format

from lib.config.text_file import read_text
from lib.weights.caffe.fields import layer_faults, net_faults
from lib.weights.caffe.schema import NetParameter

SUPPORTED = (
    *("Input", "AConvFast", "Convolution", "InnerProduct", "BatchNorm", "Scale", "ReLU", "Pooling"),
    *("Eltwise", "Concat", "Flatten", "Dropout", "Softmax"),
)
LEARNED = {"AConvFast": (4, 4), "Convolution": (1, 2), "InnerProduct": (1, 2), "BatchNorm": (3, 3), "Scale": (1, 2)}
"""Types with blobs: how many at least and at most."""

TEST = 1  # the enum Phase


class CaffeError(ValueError):
    """A Caffe network cannot be used. The text names the file, the layer, what is there and what was expected."""


@dataclass(frozen=True)
class Layer:
    """One layer: name and type, names of the blobs it reads and writes, its parameters, its learned arrays.

    spec: Caffe's LayerParameter, for <type>_param. blobs: float32, in Caffe's order and layout.
    """

    name: str
    type: str
    bottoms: tuple[str, ...]
    tops: tuple[str, ...]
    spec: message.Message
    blobs: tuple[np.ndarray, ...]

    def error(self, text: str) -> CaffeError:
        return CaffeError(f"layer {self.name!r} ({self.type}): {text}")


@dataclass(frozen=True)
class Net:
    """The layers of the TEST phase, without inputs, in order; (N, C, H, W) of its one input; names of its outputs."""

    name: str
    layers: tuple[Layer, ...]
    input: str
    shape: tuple[int, int, int, int]
    outputs: tuple[str, ...]


def read(model: str | Path, prototxt: str | Path) -> Net:
    """The network that the prototxt describes, with the parameters of the .caffemodel, matched by layer name.

    Raises CaffeError naming what is not understood: a layer type outside SUPPORTED, a field, a missing parameter;
    OSError if a file cannot be read.
    """
    net = read_prototxt(prototxt)
    stored = read_model(model)
    layers = []
    for spec in net.layer:
        if spec.type == "Input" or not _in_test_phase(spec):
            continue
        kind, blobs = stored.get(spec.name, (spec.type, []))
        layer = Layer(spec.name, spec.type, tuple(spec.bottom), tuple(spec.top), spec, tuple(blobs))
        if kind != spec.type:
            raise layer.error(f"{model} has a {kind} layer of that name")
        _check_blobs(layer, stored, model)
        layers.append(layer)
    name, shape = _input(net, prototxt)
    outputs = _wire(layers, name, prototxt)
    return Net(net.name or Path(prototxt).stem, tuple(layers), name, shape, outputs)


def read_prototxt(path: str | Path):
    """A prototxt as Caffe's NetParameter. Raises CaffeError for what the supported layers do not have."""
    text = read_text(path)
    try:
        net = text_format.Parse(text, NetParameter())
    except text_format.ParseError as error:
        try:  # a field of a layer that is not supported at all is better told by the layer's name
            _check_types(text_format.Parse(text, NetParameter(), allow_unknown_field=True), path)
        except text_format.ParseError:
            pass  # not even the grammar holds: the first message says where
        raise CaffeError(f"{path}: {error}") from None
    _check_types(net, path)
    _check_fields(net, path)
    return net


def _check_fields(net, path) -> None:
    """Raises CaffeError listing everything that would be read and forgotten."""
    specs = [spec for spec in net.layer if _in_test_phase(spec)]
    wrong = list(net_faults(net))
    wrong += [f"layer {spec.name!r} ({spec.type}): {text}" for spec in specs for text in layer_faults(spec)]
    names, shared = [spec.name for spec in specs], [each.name for spec in specs for each in spec.param if each.name]
    wrong += [f"layer {name!r}: several layers have this name" for name in sorted(set(names)) if names.count(name) > 1]
    wrong += [f"param.name {name!r}: layers that share parameters are not kept together here"
              for name in sorted(set(shared)) if shared.count(name) > 1]  # fmt: skip
    if wrong:
        raise CaffeError("\n".join(f"{path}: {text}" for text in wrong))


def read_model(path: str | Path) -> dict[str, tuple[str, list[np.ndarray]]]:
    """Type and learned arrays, float32, by layer name. Raises CaffeError if the file is no .caffemodel of the layer
    format, or a number in it is not finite."""
    net = NetParameter()
    try:
        net.ParseFromString(Path(path).read_bytes())
    except message.DecodeError as error:
        raise CaffeError(f"{path}: not a .caffemodel, or cut off: {error}") from None
    if not net.layer:
        raise CaffeError(
            f"{path}: no layers in it; files older than 2014 keep them in the field 'layers': bring such a file up to "
            "date with Caffe's upgrade_net_proto_binary"
        )
    names = [layer.name for layer in net.layer if layer.blobs]
    if twice := {name for name in names if names.count(name) > 1}:
        raise CaffeError(f"{path}: several layers are called {', '.join(sorted(twice))}")
    return {layer.name: (layer.type, [_array(path, layer.name, blob) for blob in layer.blobs]) for layer in net.layer}


def _array(path, layer, blob) -> np.ndarray:
    old = (blob.num, blob.channels, blob.height, blob.width)
    shape = tuple(blob.shape.dim) if blob.HasField("shape") else old
    if blob.data and blob.double_data:
        raise CaffeError(f"{path}: layer {layer!r}: a blob holds data and double_data, expected one of them")
    with np.errstate(over="ignore"):
        values = np.array(blob.data if blob.data else blob.double_data, np.float64).astype(np.float32)
    if not np.isfinite(values).all():
        raise CaffeError(f"{path}: layer {layer!r}: {(~np.isfinite(values)).sum()} of its numbers are no float32")
    if min(shape, default=1) < 0 or values.size != np.prod(shape, dtype=object):
        raise CaffeError(f"{path}: layer {layer!r}: a blob of shape {shape} holds {values.size} numbers")
    return values.reshape(shape)


def _check_types(net, path) -> None:
    for spec in net.layer:
        if spec.type not in SUPPORTED and _in_test_phase(spec):
            training = spec.type.endswith("Data") or spec.type in ("SoftmaxWithLoss", "Accuracy")
            hint = "; give the deploy prototxt, not that of training" if training else ""
            raise CaffeError(
                f"{path}: layer {spec.name!r} has type {spec.type!r}, supported are {', '.join(SUPPORTED)}{hint}"
            )


def _in_test_phase(spec) -> bool:
    """Caffe's rule for the phase TEST, level 0 and no stage: a rule that asks for a stage is not fulfilled."""

    def fulfilled(rule) -> bool:
        level = (not rule.HasField("min_level") or rule.min_level <= 0) and (
            not rule.HasField("max_level") or rule.max_level >= 0
        )
        return level and not rule.stage and (not rule.HasField("phase") or rule.phase == TEST)

    if spec.include:
        return any(fulfilled(rule) for rule in spec.include)
    return not any(fulfilled(rule) for rule in spec.exclude)


def _check_blobs(layer: Layer, stored, model) -> None:
    if layer.type not in LEARNED:
        if layer.blobs:
            raise layer.error(f"{model} has {len(layer.blobs)} blobs for it, expected none")
        return
    least, most = LEARNED[layer.type]
    if layer.name not in stored:
        raise CaffeError(f"{model}: no layer {layer.name!r} ({layer.type}) in it; it has {', '.join(stored)}")
    if not least <= len(layer.blobs) <= most:
        count = str(least) if least == most else f"{least} or {most}"
        raise CaffeError(f"{model}: layer {layer.name!r} ({layer.type}) has {len(layer.blobs)} blobs, expected {count}")


def _input(net, path) -> tuple[str, tuple[int, int, int, int]]:
    inputs = [(spec.top[0], shape) for spec in net.layer if spec.type == "Input" for shape in spec.input_param.shape]
    inputs = [(name, tuple(shape.dim)) for name, shape in inputs]
    inputs += [(name, tuple(shape.dim)) for name, shape in zip(net.input, net.input_shape)]
    if not net.input_shape:
        inputs += [(name, tuple(net.input_dim[4 * i : 4 * i + 4])) for i, name in enumerate(net.input)]
    if len(inputs) != 1 or len(inputs[0][1]) != 4:
        found = ", ".join(f"{name} {shape}" for name, shape in inputs) or "none"
        raise CaffeError(f"{path}: expected one input with four dimensions, found {found}")
    return inputs[0]


def _wire(layers, data: str, path) -> tuple[str, ...]:
    """Checks that every blob a layer reads was written before; gives those that nothing reads."""
    last = {data: data}
    for layer in layers:
        for name in layer.bottoms:
            if name not in last:
                raise CaffeError(f"{path}: layer {layer.name!r} reads {name!r}, which nothing before it writes")
        if len(layer.tops) != 1 or not layer.bottoms:
            raise layer.error(f"expected inputs and one output, has {layer.bottoms} and {layer.tops}")
        for name in layer.bottoms:
            last[name] = ""
        last[layer.tops[0]] = layer.tops[0]
    return tuple(name for name in last.values() if name)
