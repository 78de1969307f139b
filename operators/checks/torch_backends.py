# SPDX-License-Identifier: Apache-2.0
"""The way through PyTorch, with the face of backends.py; tensors stand on any device."""

from __future__ import annotations

import torch

from operators.checks.case import Case
from operators.for_torch import mxnet_names


def on(device: str):
    """The backend for a device: run(case, inputs, out_grad) -> output, gradients, all of them NumPy arrays."""

    def run(case: Case, inputs: dict, out_grad):
        tensors = {name: torch.tensor(values, device=device, requires_grad=True) for name, values in inputs.items()}
        out = mxnet_names.call(case.operator, case.attributes, tensors)
        out.backward(torch.tensor(out_grad, device=device))
        return array(out), {name: _gradient(tensor) for name, tensor in tensors.items()}

    return run


def array(tensor):
    return tensor.detach().cpu().numpy()


def _gradient(tensor):
    return array(torch.zeros_like(tensor) if tensor.grad is None else tensor.grad)  # boxes have none
