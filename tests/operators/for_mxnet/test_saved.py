# SPDX-License-Identifier: Apache-2.0
"""Graphs that contain our operators: saved here, loaded in a process that only imported operators.for_mxnet."""

from __future__ import annotations

import json

import mxnet as mx
import pytest
from samples import OPERATORS, sample


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A folder with a network of every operator, its parameters, an input and the result."""
    folder, total, parameters = tmp_path_factory.mktemp("saved"), 0, {}
    for operator in OPERATORS:
        one = sample(operator)
        variables = [mx.sym.var(f"{operator}_{name}", lr_mult=2, shape=a.shape) for name, a in one.arrays.items()]
        total = total + mx.sym.mean(one.call(*variables, name=operator))
        parameters.update({f"{operator}_{name}": array for name, array in one.ndarrays("float32").items()})
    net = mx.sym.broadcast_mul(mx.sym.var("data"), total)
    x = mx.nd.random.normal(shape=(2, 3))
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
    assert f"Cannot find custom operator {OPERATORS[0]}" in done.stderr


def test_the_text_of_a_graph_is_stable():
    for operator in OPERATORS:
        symbol = sample(operator).symbol()
        once = mx.sym.load_json(symbol.tojson())
        assert json.loads(once.tojson()) == json.loads(symbol.tojson())
        assert once.list_arguments() == symbol.list_arguments()
        assert once.list_outputs() == symbol.list_outputs() == ["op_output"]
        assert once.attr_dict() == symbol.attr_dict()
