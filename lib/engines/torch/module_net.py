# SPDX-License-Identifier: Apache-2.0
"""A torch module of lib.modules with the face that a SymbolNet shows the engine."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping, Sequence
from inspect import Parameter, signature

import numpy as np
import torch
from torch import nn

from lib.engines.engine import EngineError
from lib.run.module_text import ModuleText

LOSS = "loss"


def make(text: ModuleText) -> nn.Module:
    """The module that a text names, with its first values. Raises ValueError for what is not a module of that file, or
    settings that it does not take."""
    file, _, name = text.module.partition(":")
    try:
        kind = getattr(importlib.import_module(file), name, None)
    except ModuleNotFoundError as error:
        raise ValueError(f"{text.module}: {error}") from None
    if not (isinstance(kind, type) and issubclass(kind, nn.Module) and kind.__module__ == file):
        raise ValueError(f"{text.module}: {file} has no torch module of that name")
    try:
        signature(kind).bind(**text.settings)
    except TypeError as error:
        raise ValueError(f"{text.module}: its settings do not fit: {error}") from None
    module = kind(**text.settings)
    for each in module.modules():
        if getattr(each, "num_batches_tracked", None) is not None:
            each._buffers["num_batches_tracked"] = None  # counts what nobody reads, as long as momentum is a number
    return module


def states_of(module: nn.Module) -> tuple[str, ...]:
    """Names of the buffers that a checkpoint holds. Raises EngineError for values that .params files cannot hold."""
    arguments, kept = {name for name, _ in module.named_parameters()}, module.state_dict()
    for name, value in kept.items():
        if value.dim() == 0 or not value.is_floating_point():
            raise EngineError(f"{name}: a checkpoint holds arrays of floating-point numbers, got {value.dtype} of "
                              f"shape {tuple(value.shape)}; persistent=False keeps a buffer out of it")  # fmt: skip
    return tuple(name for name in kept if name not in arguments)


class ModuleNet:
    """The module's forward pass takes inputs by name and gives {name: tensor}; those arguments that have a default are
    labels. In training one of its outputs is 'loss', a scalar; its gradient is what trains.

    outputs: names of what a call gives, in this order: the module's own, or '<child>_output' and '<child>_input', what
    a module inside gives and takes first, such as 'backbone.layer4.0_output'.
    heads, inputs, labels, arguments, states: as those of a SymbolNet.
    """

    heads = (LOSS,)

    def __init__(self, module: nn.Module, outputs: Sequence[str]):
        self.module, self.outputs, self._training = module, tuple(outputs), True
        self.arguments, self.states = tuple(name for name, _ in module.named_parameters()), states_of(module)
        taken = signature(module.forward).parameters.values()
        self.inputs = tuple(each.name for each in taken)
        self.labels = tuple(each.name for each in taken if each.default is not Parameter.empty)
        self.parameters, self.named_parameters = module.parameters, module.named_parameters
        self.zero_grad, self.get_submodule = module.zero_grad, module.get_submodule

    def named_buffers(self) -> Iterable[tuple[str, torch.Tensor]]:
        return [(name, value) for name, value in self.module.named_buffers() if name in self.states]

    def to(self, *where) -> ModuleNet:
        self.module.to(*where)
        return self

    def train(self, training: bool = True) -> ModuleNet:
        self._training = training
        return self

    def eval(self) -> ModuleNet:
        return self.train(False)

    @torch.no_grad()
    def take(self, values: Mapping[str, np.ndarray]) -> ModuleNet:
        """All values of parameters and states, in the type of these arrays, which becomes the module's."""
        held = {**dict(self.named_parameters()), **dict(self.named_buffers())}
        (kind,) = {torch.from_numpy(each).dtype for each in values.values()}
        self.module.to(kind)
        for name, value in values.items():
            held[name].copy_(torch.from_numpy(value))
        return self

    def __call__(self, **inputs: torch.Tensor) -> list[torch.Tensor]:
        wrong = [name for name in self.inputs if name not in inputs and name not in self.labels]
        wrong += [name for name in inputs if name not in self.inputs]
        if wrong:
            raise EngineError(f"{type(self.module).__name__}: missing or unknown inputs: {', '.join(wrong)}; it takes "
                              f"{', '.join(self.inputs)}")  # fmt: skip
        self.module.train(self._training)  # another view of the same module may have said otherwise
        found = listened(self.module, self.outputs, inputs)
        missing = [name for name in self.outputs if name not in found]
        if missing:
            when = "in" if self._training else "out of"
            raise EngineError(f"{type(self.module).__name__} gave no {', '.join(missing)}; {when} training there are "
                              f"{', '.join(found)}, and the inputs and outputs of its children")  # fmt: skip
        return [found[name] for name in self.outputs]

    def backward_heads(self, outputs: Sequence[torch.Tensor]) -> None:
        """The backward pass of the loss. Every parameter that wants a gradient gets one: zeros where no way leads."""
        (loss,) = outputs
        if loss.requires_grad:
            loss.backward()
        for parameter in self.parameters():
            if parameter.requires_grad and parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)


def listened(module: nn.Module, wanted: Iterable[str], inputs: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """What a module gives, and of `wanted` what goes into and comes out of its children."""
    children, hooks = dict(module.named_modules()), []
    found: dict[str, torch.Tensor] = {}
    try:
        for name in wanted:
            child, _, side = name.rpartition("_")
            if child in children and side in ("input", "output"):
                hooks.append(children[child].register_forward_hook(_keep(name, side == "input", found)))
        found.update(module(**inputs))
    finally:
        for each in hooks:
            each.remove()
    return found


def _keep(name: str, first: bool, found: dict):
    def hook(_, given, gave) -> None:
        value = given[0] if first and given else gave
        if isinstance(value, torch.Tensor):
            found[name] = value

    return hook
