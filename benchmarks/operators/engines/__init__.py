# SPDX-License-Identifier: Apache-2.0
"""The implementations that can be timed. Each has a class here, used in a worker process of its own.

    Engine(threads)          raises ImportError where its library is not installed
    versions() -> dict       name -> version of what it runs on
    refuses(case) -> str     why it cannot run the case; '' if it can
    note(case) -> str        what the reader of its times must know; '' for nothing
    prepare(case) -> Prepared

Adding an engine = one class and one line here.
"""

from __future__ import annotations

import importlib
from typing import Callable, NamedTuple


class Prepared(NamedTuple):
    """run() computes once and waits for the end; results() gives what it computed, name -> array.

    What the first run() allocates (outputs, gradients) is part of its extra memory, so prepare leaves that to run.
    """

    run: Callable
    results: Callable


OPERATOR_ENGINES = {
    "plain": ("through_mxnet:Plain", "MXNet's own Convolution of the same data and weight (oneDNN): the yardstick"),
    "numpy": ("numpy_front:NumPyFront", "ours, the compiled kernels on NumPy arrays"),
    "mxnet": ("through_mxnet:Ours", "ours through MXNet, guard included"),
    "stock": ("through_mxnet:Stock", "MXNet's operator of the same name"),
    "torchvision": ("torchvision_ops:Torchvision", "torchvision.ops.deform_conv2d"),
    "unfold": ("unfolded:Unfolded", "DynamicFilter by PyTorch's unfold and a kernel for every position"),
    "copy": ("copying:Copying", "memory alone: copies as many bytes as the inputs and results have, each once"),
    "onnxruntime": ("onnx_runtime:OnnxRuntime", "ONNX Runtime's DeformConv, forward"),
    "openvino": ("open_vino:OpenVino", "OpenVINO's DeformableConvolution, forward"),
}
STEP_ENGINES = {
    "step-stock": ("training_step:StockStep", "the program as it is, MXNet's DeformableConvolution"),
    "step-replaced": ("training_step:ReplacedStep", "the same after install(replace_stock=True)"),
}
ENGINES = {**OPERATOR_ENGINES, **STEP_ENGINES}


def load(name: str) -> type:
    module, _, kind = ENGINES[name][0].partition(":")
    return getattr(importlib.import_module(f"{__name__}.{module}"), kind)
