# SPDX-License-Identifier: Apache-2.0
"""The table of operators says what the installed MXNet says of itself: names, inputs, attributes, types, defaults."""

from __future__ import annotations

import ctypes
import json
import re
from dataclasses import replace
from types import SimpleNamespace

import pytest

pytest.importorskip("torch", reason="PyTorch is not installed")
mx = pytest.importorskip("mxnet", reason="MXNet is not installed")

from operators.for_torch.symbols import network  # noqa: E402, F401  (fills the table)
from operators.for_torch.symbols.attributes import REQUIRED, read_all  # noqa: E402
from operators.for_torch.symbols.operator import ALIASES, OPERATORS  # noqa: E402
from operators.library import descriptions  # noqa: E402

from mxnet.base import _LIB, check_call  # noqa: E402  # isort: skip

STOCK = sorted(name for name in OPERATORS if not name.startswith("Custom ") and name != "_contrib_ActiveConvolution")
TYPES = {
    "integer": r"int|long",
    "single": "float",
    "double": "double",
    "flag": "boolean",
    "shape": "Shape",
    "word": "string",
}
COMPUTED_AS_DOUBLE = {("smooth_l1", "scalar")}  # documented as float


def described() -> dict:
    """Name -> (inputs, {attribute: type text}), from MXNet's own registry."""
    pointers, size, texts = ctypes.POINTER(ctypes.c_void_p)(), ctypes.c_uint(), ctypes.POINTER(ctypes.c_char_p)
    check_call(_LIB.MXSymbolListAtomicSymbolCreators(ctypes.byref(size), ctypes.byref(pointers)))
    found = {}
    for i in range(size.value):
        name, doc, variadic, returns = (ctypes.c_char_p() for _ in range(4))
        count, names, types, docs = ctypes.c_uint(), texts(), texts(), texts()
        out = [ctypes.byref(each) for each in (name, doc, count, names, types, docs, variadic, returns)]
        check_call(_LIB.MXSymbolGetAtomicSymbolInfo(ctypes.c_void_p(pointers[i]), *out))
        pairs = [(names[j].decode(), types[j].decode()) for j in range(count.value)]
        inputs = [key for key, text in pairs if "Symbol" in text]
        attributes = {key: text for key, text in pairs if "Symbol" not in text}
        if variadic.value:
            attributes.setdefault(variadic.value.decode(), "int, default='None'")  # how many inputs
        found[name.value.decode()] = inputs, attributes
    return found


INFO = described()


@pytest.mark.parametrize("name", STOCK)
def test_attributes_are_mxnets(name):
    inputs, theirs = INFO[name]
    ours = OPERATORS[name].attributes
    assert set(ours) == set(theirs)
    for key, attribute in ours.items():
        if attribute.kind == "ignored":
            continue
        text = theirs[key]
        if attribute.kind == "choice":
            choices = re.match(r"\{(.*?)\}", text)[1]
            assert set(attribute.choices) == set(re.findall(r"'(\w+)'", choices)), key
        elif (name, key) not in COMPUTED_AS_DOUBLE:
            assert re.match(TYPES[attribute.kind], text), (key, text)
        default = re.search(r"default='?(.*?)'?$", text)
        if default:
            value = replace(attribute, served=None).value(key, default[1]) if default[1] != "None" else None
            assert attribute.default == value, (key, text)
        elif (name, key) not in COMPUTED_AS_DOUBLE:
            assert attribute.default is REQUIRED and "required" in text, (key, text)


@pytest.mark.parametrize("name", STOCK)
def test_inputs_are_mxnets(name):
    """In order; those that attributes turn off, such as bias, may be missing."""
    if OPERATORS[name].inputs is None:
        return
    values = {key: each.default for key, each in OPERATORS[name].attributes.items() if each.kind != "ignored"}
    stand_ins = {"kernel": (1, 1), "pooled_size": 1, "sample_type": "nearest", "act_type": "relu"}
    filled = {key: stand_ins.get(key, 1) if value is REQUIRED else value for key, value in values.items()}
    names = OPERATORS[name].inputs(SimpleNamespace(**filled)) if name != "UpSampling" else ("data",)
    ours, theirs = iter(names), INFO[name][0]
    assert [key for key in theirs if key in names] == list(ours)


# What a node of the operator cannot do without.
NEEDED = {"Reshape": {"shape": "(0, -1)"}, "Concat": {"num_args": "2"}, "SliceChannel": {"num_outputs": "2"}}
NEEDED.update({"slice": {"begin": "(0,)", "end": "(1,)"}, "Cast": {"dtype": "float32"}, "add_n": {"num_args": "2"}})


@pytest.mark.parametrize("alias", sorted(ALIASES))
def test_aliases_are_mxnets(alias):
    """MXNet gives a graph that it loads the names of today."""
    name = ALIASES[alias]
    count = len(INFO[name][0]) if name not in ("Concat", "add_n") else 2
    nodes = [{"op": "null", "name": f"x{i}", "inputs": []} for i in range(count)]
    inputs = [[i, 0, 0] for i in range(count)]
    attributes = {"scalar": "2"} if name.endswith("_scalar") else NEEDED.get(name, {})
    nodes.append({"op": alias, "name": "node", "attrs": attributes, "inputs": inputs})
    graph = {"nodes": nodes, "arg_nodes": list(range(count)), "heads": [[count, 0, 0]]}
    graph["attrs"] = {"mxnet_version": ["int", 10901]}
    loaded = json.loads(mx.sym.load_json(json.dumps(graph)).tojson())
    assert loaded["nodes"][-1]["op"] == name


def test_every_operator_of_the_library_is_served():
    assert {f"Custom {name}" for name in descriptions()} <= set(OPERATORS)
    for name, description in descriptions().items():
        required = {key: "1" for key, info in description.attributes.items() if info["required"]}
        required.update({"kernel": "(1, 1)"} if "kernel" in required else {})
        a = read_all(OPERATORS[f"Custom {name}"].attributes, required)
        assert set(OPERATORS[f"Custom {name}"].inputs(a)) <= set(description.inputs)
