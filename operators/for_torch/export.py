# SPDX-License-Identifier: Apache-2.0
"""What torch.onnx.export(dynamo=True) makes of an operation: ONNX's own operator where there is one, else the operation
in torch operations, which it knows. torch.compile's inductor keeps the operation whole."""

from __future__ import annotations

import sys

import torch
from torch._decomp import register_decomposition


def register(operation) -> None:
    """Tells torch how the operation decomposes; the exporter looks there for what it does not know itself."""

    def decomposed(*args):
        tensors, settings = args[: operation.count], args[operation.count :]
        if operation.onnx and torch.onnx.is_in_onnx_export():
            node = operation.onnx(tensors, settings)
            if node:
                name, version, inputs, attributes = node
                shape = operation.traced_shape(_shapes(tensors), settings)
                return _node(name, version, inputs, attributes, tensors[0], shape)
        return operation.composed(tensors, settings)

    register_decomposition(operation.call)(decomposed)
    # Or tracing for any size would follow the decomposition, each time, to find a shape.
    register_decomposition(operation.call, type="meta")(operation.fake)


def keep_whole(operation) -> None:
    """Tells inductor, once it is loaded, that the decomposition isn't meant for it: where the environment has CI it
    refuses to call an operation that has one. Every program that it compiles asks for the output's shape first."""
    inductor = sys.modules.get("torch._inductor.lowering")
    if inductor is not None:
        inductor.FALLBACK_ALLOW_LIST.add(operation.call.name())


def _shapes(tensors) -> tuple:
    return tuple(None if tensor is None else tuple(tensor.shape) for tensor in tensors)


def _node(name: str, version: int, inputs: tuple, attributes: dict, like, shape):
    if not hasattr(torch.onnx, "ops"):
        raise NotImplementedError(f"ONNX's {name} needs torch.onnx.ops of torch 2.8 or later, got {torch.__version__}")
    return torch.onnx.ops.symbolic(name, inputs, attributes, dtype=like.dtype, shape=shape, version=version)
