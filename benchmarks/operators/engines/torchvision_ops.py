# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import torch
import torchvision

from benchmarks.operators.arrays import OUT_GRAD, draw_all
from benchmarks.operators.engines import Prepared
from benchmarks.operators.engines.peer import Peer


class Torchvision(Peer):
    has_backward = True

    def __init__(self, threads: int):
        torch.set_num_threads(threads)

    def versions(self) -> dict:
        return {"torch": torch.__version__, "torchvision": torchvision.__version__}

    def prepare(self, case) -> Prepared:
        tensors = {name: torch.from_numpy(values) for name, values in draw_all(case, case.inputs).items()}
        out_grad, kept = tensors.pop(OUT_GRAD, None), {}
        geometry = {
            "stride": case.pair("stride", 1),
            "padding": case.pair("pad", 0),
            "dilation": case.pair("dilate", 1),
        }
        for tensor in tensors.values():
            tensor.requires_grad_(case.training)

        def compute():
            return torchvision.ops.deform_conv2d(
                tensors["data"],
                tensors["offset"],
                tensors["weight"],
                bias=tensors.get("bias"),
                mask=tensors.get("mask"),
                **geometry,
            )

        def forward():
            kept.clear()
            with torch.no_grad():
                kept["out"] = compute()

        def training():
            kept.clear()
            for tensor in tensors.values():
                tensor.grad = None
            kept["out"] = compute()
            kept["out"].backward(out_grad)

        def results():
            grads = {name: tensor.grad.numpy() for name, tensor in tensors.items() if case.training}
            return {"output": kept["out"].detach().numpy(), **grads}

        return Prepared(training if case.training else forward, results)
