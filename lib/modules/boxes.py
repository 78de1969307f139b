# SPDX-License-Identifier: Apache-2.0
"""The steps of lib.boxes as nodes of a SymbolNet. Importing this registers them."""

from __future__ import annotations

import torch

from lib.boxes.steps import STEPS
from lib.modules import operators


def _register(name: str, kind) -> None:
    def made(a):
        return kind({each: getattr(a, each) for each in kind.attributes})

    @operators.operator(
        f"Custom {name}",
        lambda a: made(a).inputs,
        {each: operators.word() for each in kind.attributes},
        outputs=" ".join(kind.outputs),
    )
    def _build(a):
        step = made(a)

        def run(*tensors):
            first = tensors[0]
            # Coordinates need more than half precision.
            dtype = torch.promote_types(first.dtype, torch.float32)
            if first.device.type == "meta":
                shapes = step.shapes(*(tuple(each.shape) for each in tensors))
                values = [torch.empty(shape, device="meta", dtype=dtype) for shape in shapes]
            else:
                arrays = [each.detach().to("cpu", dtype).numpy() for each in tensors]
                values = [torch.as_tensor(each).to(first.device, dtype) for each in step(*arrays)]
            return values[0] if len(values) == 1 else tuple(values)

        return run


for _name, _kind in STEPS.items():
    _register(_name, _kind)
