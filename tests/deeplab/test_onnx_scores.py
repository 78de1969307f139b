# SPDX-License-Identifier: Apache-2.0
"""python -m lib.weights.onnx writes networks whose scores in ONNX Runtime are MXNet's, for pictures of any size."""

from __future__ import annotations

import re

import numpy as np
import pytest

for name in ("torch", "onnx", "onnxscript", "onnxruntime"):
    pytest.importorskip(name, reason=f"{name} is not installed")

import onnx  # noqa: E402
import onnxruntime  # noqa: E402
from trainings import CONFIGS, SMALL, engine_of  # noqa: E402

from deeplab.schema import load  # noqa: E402
from lib.looking.layers import looking_layers, steering  # noqa: E402
from lib.run import params  # noqa: E402
from lib.weights.onnx.__main__ import main  # noqa: E402

SETTINGS = [*SMALL, "gpus="]
SIZES = ((1, 64, 96), (2, 71, 83))  # batch, height, width


def saved(config: str, path):
    """An engine that holds a small network of random weights whose offsets move, and its parameters in a file."""
    engine = engine_of(load(CONFIGS / f"{config}.yaml", SETTINGS), is_train=False)
    random, (arg, aux) = np.random.default_rng(0), engine.parameters()
    for name in steering(looking_layers(engine.network.graph)):
        arg[name] = random.normal(0, 0.03 if arg[name].ndim == 4 else 2, arg[name].shape).astype(np.float32)
    arg["score_weight"] *= 10  # so that the scores say something
    engine.load(arg, aux)
    params.save(path, arg, aux)
    return engine


@pytest.mark.parametrize("config", ["quick_dcn", "quick_modulated", "quick_acn"])
def test_scores_are_mxnets(config, tmp_path, capsys):
    engine = saved(config, tmp_path / "net-0001.params")
    assert engine.name == "mxnet"
    assert main([config, "--params", str(tmp_path / "net-0001.params"), *SETTINGS]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0] == str(tmp_path / "net-0001.onnx")
    assert told[1] == "data: batch x 3 x height x width"
    assert re.search(r"differ from mxnet's by \S+ at most, for inputs of 1x3x64x96 and 2x3x49x73$", told[-1])
    assert sorted(each.name for each in tmp_path.iterdir()) == ["net-0001.onnx", "net-0001.params"]

    model = onnx.load(tmp_path / "net-0001.onnx")
    assert {entry.domain for entry in model.opset_import} == {""} and not model.functions
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    for batch, *size in SIZES:
        data = np.random.default_rng(1).standard_normal((batch, 3, *size)).astype(np.float32)
        want = engine.compute({"data": data}, ["softmax_output"])["softmax_output"]
        (got,) = session.run(["softmax_output"], {"data": data})
        assert want.std() > 0.05 and want.max(1).mean() < 0.99
        assert got.shape == want.shape and np.abs(got - want).max() < 1e-4


def test_a_file_whose_scores_are_others_is_not_kept(tmp_path, capsys, monkeypatch):
    """It is told, and what stood there before stays. The wrong network gives 0 everywhere."""
    saved("quick_plain", tmp_path / "net.params")
    (tmp_path / "kept.onnx").write_bytes(b"before")
    monkeypatch.setattr("lib.weights.onnx.export.exported", lambda *given: zeros((1, 3, 64, 96), (1, 19, 64, 96)))
    given = ["quick_plain", "--params", str(tmp_path / "net.params"), "--out", str(tmp_path / "kept.onnx"), *SETTINGS]
    assert main(given) == 1
    told = (
        r"error: softmax_output in ONNX Runtime differs from mxnet's by \S+, for inputs of 1x3x64x96; expected 0.0001"
    )
    assert re.search(told, capsys.readouterr().err)
    assert (tmp_path / "kept.onnx").read_bytes() == b"before"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["kept.onnx", "net.params"]


def zeros(taken: tuple, given: tuple) -> onnx.ModelProto:
    """A model of `data` that gives zeros as `softmax_output`."""
    shape = onnx.helper.make_tensor("shape", onnx.TensorProto.INT64, [4], given)
    nodes = [
        onnx.helper.make_node("Constant", [], ["shape"], value=shape),
        onnx.helper.make_node("ConstantOfShape", ["shape"], ["softmax_output"]),
    ]
    ends = [
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, sizes)
        for name, sizes in (("data", taken), ("softmax_output", given))
    ]
    graph = onnx.helper.make_graph(nodes, "zeros", ends[:1], ends[1:])
    return onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 20)], ir_version=10)


def test_proposals_cannot_be_written(tmp_path):
    from lib.weights.onnx.export import exported

    graph = '{"nodes": [{"op": "Custom", "name": "rois", "attrs": {"op_type": "proposal"}, "inputs": []}]}'
    with pytest.raises(ValueError, match=r"ONNX has no operators .* in this network: rois \(proposal\)"):
        exported(graph, {}, {}, {})
