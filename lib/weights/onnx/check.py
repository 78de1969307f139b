# SPDX-License-Identifier: Apache-2.0
"""Whether a written .onnx file gives the scores of the engine that the network comes from."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import onnx

from lib.weights.onnx.export import sizes

TOLERANCE = 1e-4
MOST = 128  # rows and columns of the pictures, where the network takes any: the check need not take long


def compare(path: Path, engine) -> str:
    """Says how far the scores are from the engine's, at two sizes where there is a choice.

    Raises ValueError where they differ by more than TOLERANCE of the largest, or of 1 if that is less.
    """
    model = onnx.load(path)
    onnx.checker.check_model(model)
    if find_spec("onnxruntime") is None:
        return "not compared with the network: onnxruntime is not installed (pip install onnxruntime)"
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [each.name for each in model.graph.output]
    rounds, worst = _pictures(model, engine.network.inputs), 0.0
    for given in rounds:
        wanted = engine.compute(given, names)
        for name, got in zip(names, session.run(names, given)):
            want = wanted[name]
            if got.shape != want.shape:
                raise ValueError(f"{name} has shape {got.shape} in ONNX Runtime, {want.shape} in {engine.name}")
            apart = float(np.abs(got - want).max() / max(1.0, np.abs(want).max()))
            if not apart <= TOLERANCE:
                raise ValueError(f"{name} in ONNX Runtime differs from {engine.name}'s by {apart:.2g}, for inputs of "
                                 f"{_shapes(given)}; expected {TOLERANCE} at most")  # fmt: skip
            worst = max(worst, apart)
    told = " and ".join(_shapes(each) for each in rounds)
    return f"ONNX Runtime's scores differ from {engine.name}'s by {worst:.1g} at most, for inputs of {told}"


def _pictures(model: onnx.ModelProto, inputs) -> list[dict[str, np.ndarray]]:
    """Random inputs of two sizes, one faint and one as strong as pixels are; one size where nothing may vary."""
    random, rounds = np.random.default_rng(0), []
    for number, strength in enumerate((1.0, 64.0)):
        given = {}
        for each in model.graph.input:
            own = inputs[each.name]
            shape = [size if isinstance(size, int) else _size(axis, own, number)
                     for axis, size in enumerate(sizes(each))]  # fmt: skip
            given[each.name] = (strength * random.standard_normal(shape)).astype(np.float32)
        rounds.append(given)
    return rounds


def _size(axis: int, own: tuple, number: int) -> int:
    """Of an open axis in each round: 1 and 2 images, then the network's own size and one that is odd to it."""
    if axis == 0:
        return 1 + number
    size = min(own[axis], MOST)
    return size if number == 0 else size * 3 // 4 + 1


def _shapes(given) -> str:
    return ", ".join("x".join(map(str, each.shape)) for each in given.values())
