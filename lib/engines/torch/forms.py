# SPDX-License-Identifier: Apache-2.0
"""The two forms of a network that the PyTorch engine runs: a Symbol's graph, and a torch module of lib.modules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch

from lib.engines.torch.module_net import LOSS, ModuleNet, listened, make, states_of
from lib.looking.modules import entries
from lib.modules import boxes as boxes  # registers what the graphs of detection have
from lib.modules import operators
from lib.run.initial import OWN, initial_value
from lib.run.module_text import ModuleText, read_module
from lib.run.task import Network


class Symbols:
    """network: with its rules. states, heads: names."""

    def __init__(self, network: Network):
        none = dict.fromkeys(network.rules, np.empty(0))
        plain = operators.SymbolNet(network.graph, none, none)  # says which variables are states
        self.network, self.states, self.heads = network, plain.states, plain.heads

    def shapes(self, inputs: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
        return operators.infer_shapes(self.network.graph, **inputs)

    def own(self) -> dict[str, np.ndarray]:
        return {}

    def net(self, arg: Mapping, aux: Mapping, outputs: Sequence[str]) -> operators.SymbolNet:
        return operators.SymbolNet(self.network.graph, arg, aux, outputs)

    def view(self, net: operators.SymbolNet, outputs: Sequence[str]) -> operators.SymbolNet:
        """The network that gives these internal outputs, when it is not training, with the same parameters."""
        none = np.empty(0)
        arg, aux = dict.fromkeys(net.arguments, none), dict.fromkeys(net.states, none)
        view = operators.SymbolNet(self.network.graph, arg, aux, outputs).eval()
        view._parameters, view._buffers = net._parameters, net._buffers
        return view


class Modules:
    """The same of a module. Raises ValueError where its text does not list the layers that look as the module has
    them."""

    heads = (LOSS,)

    def __init__(self, network: Network, text: ModuleText):
        self._text, plain = text, _without_values(text)
        _check_looking(plain, text)
        self.states = states_of(plain)
        rules = network.rules_of([*dict(plain.named_parameters()), *self.states]) if network.rules_of else network.rules
        self.network = replace(network, rules=rules, rules_of=None)

    def shapes(self, inputs: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
        module = _without_values(self._text).eval()
        wanted = [f"{name}_{side}" for name, _ in module.named_modules() if name for side in ("input", "output")]
        empty = {name: torch.empty(shape, device="meta") for name, shape in inputs.items()}
        with torch.no_grad():
            found = {**module.state_dict(), **listened(module, wanted, empty)}
        return {name: tuple(value.shape) for name, value in found.items()} | dict(inputs)

    def own(self) -> dict[str, np.ndarray]:
        """The values that the module begins with by itself, by the network's seed alone."""
        return {name: value.numpy().copy() for name, value in self._made().state_dict().items()}

    def net(self, arg: Mapping, aux: Mapping, outputs: Sequence[str]) -> ModuleNet:
        return ModuleNet(self._made(), outputs).take({**arg, **aux})

    def view(self, net: ModuleNet, outputs: Sequence[str]) -> ModuleNet:
        return ModuleNet(net.module, outputs).eval()

    def _made(self) -> torch.nn.Module:
        with torch.random.fork_rng(devices=[]):  # dropout goes on where it was
            torch.manual_seed(self.network.seed)
            return make(self._text)


def form_of(network: Network) -> Symbols | Modules:
    """The form of a network, by its text."""
    text = read_module(network.graph)
    return Symbols(network) if text is None else Modules(network, text)


def first_values(form: Symbols | Modules, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """The values that a network's parameters and states begin with, as its rules say."""
    rules, seed = form.network.rules, form.network.seed
    own = form.own() if any(rules[name].init == OWN for name in shapes) else {}
    return {name: own[name] if rules[name].init == OWN and name in own
            else initial_value(rules[name].init, name, shape, seed) for name, shape in shapes.items()}  # fmt: skip


def _without_values(text: ModuleText) -> torch.nn.Module:
    with torch.device("meta"):
        return make(text)


def _check_looking(module: torch.nn.Module, text: ModuleText) -> None:
    there = {name: each for name, each in module.named_modules() if isinstance(each, operators.DeformConv2d)}
    listed = {each.name: each for each in entries(text.text) or []}
    wrong = [f"{name} is not listed" for name in there if name not in listed]
    wrong += [f"there is no deformable convolution {name}" for name in listed if name not in there]
    for name, each in listed.items():
        if name in there:
            one, maker = there[name], there[name].conv_offset
            have = (one.kernel_size, one.stride, one.dilation, one.padding, one.boundary, maker.bias is not None,
                    maker.out_channels)  # fmt: skip
            said = (each.kernel, each.stride, each.dilate, each.pad, each.boundary, each.offset_bias,
                    2 * each.sets * each.kernel[0] * each.kernel[1])  # fmt: skip
            wrong += [f"{name} has (kernel, stride, dilation, padding, boundary, bias and channels of its offsets) "
                      f"{have}, listed are {said}"] if have != said else []  # fmt: skip
    if wrong:
        raise ValueError(f"{text.module}: its layers that look are listed wrongly: {'; '.join(wrong)}")
