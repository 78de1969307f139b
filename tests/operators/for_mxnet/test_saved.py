# SPDX-License-Identifier: Apache-2.0
"""Graphs that contain our operators: saved here, loaded in a process that only imported operators.for_mxnet."""

from __future__ import annotations

import json

import mxnet as mx
import pytest
from neighbours import OPERATORS
from samples import sample

from operators.for_mxnet import sym


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A folder with a network of all four operators, its parameters, an input and the result."""
    folder = tmp_path_factory.mktemp("saved")
    sizes = {"kernel": (3, 3), "num_filter": 4, "pad": (1, 1)}
    net = mx.sym.Convolution(mx.sym.var("data"), name="conv", **sizes)
    net = sym.Shift(net, name="shift", boundary="border")
    net = sym.ActiveConvolution(net, name="acn", fixed_taps=(4,), normalize_grad=True, offset_lr_rate=0.05, **sizes)
    offset = mx.sym.Convolution(net, name="dcn_offset", kernel=(3, 3), pad=(1, 1), num_filter=18)
    net = sym.DeformableConvolution(net, offset, name="dcn", lr_mult=2, no_bias=True, **sizes)
    offset = mx.sym.Convolution(net, name="mod_offset", kernel=(3, 3), pad=(1, 1), num_filter=18)
    mask = mx.sym.sigmoid(mx.sym.Convolution(net, name="mod_mask", kernel=(3, 3), pad=(1, 1), num_filter=9))
    net = sym.ModulatedDeformableConvolution(net, offset, mask, name="mod", boundary="inside", **sizes)
    x = mx.nd.random.normal(shape=(2, 3, 8, 9))
    shapes = dict(zip(net.list_arguments(), net.infer_shape(data=x.shape)[0]))
    parameters = {name: mx.nd.random.normal(shape=shape) for name, shape in shapes.items() if name != "data"}
    (result,) = net.bind(mx.cpu(), {"data": x, **parameters}).forward()
    mx.model.save_checkpoint(str(folder / "net"), 0, net, parameters, {})
    mx.nd.save(str(folder / "data.nd"), [x])
    mx.nd.save(str(folder / "result.nd"), [result])
    return folder


@pytest.mark.parametrize("how", ["bind", "Module", "SymbolBlock"])
def test_a_fresh_process_loads_and_runs_it(run_program, saved, how):
    assert float(run_program("saved.py", how, saved).stdout.split()[-1]) < 1e-4


def test_without_the_import_the_error_names_the_operator(run_program, saved):
    done = run_program("saved.py", "no import", saved, check=False)
    assert done.returncode == 1
    assert "Cannot find custom operator Shift" in done.stderr


def test_the_text_of_a_graph_is_stable():
    for operator in OPERATORS:
        symbol = sample(operator).symbol()
        once = mx.sym.load_json(symbol.tojson())
        assert json.loads(once.tojson()) == json.loads(symbol.tojson())
        assert once.list_arguments() == symbol.list_arguments()
        assert once.list_outputs() == symbol.list_outputs() == ["op_output"]
        assert once.attr_dict() == symbol.attr_dict()
