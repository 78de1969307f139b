# SPDX-License-Identifier: Apache-2.0
"""The engine that runs Symbol graphs and torch modules with PyTorch, on CPUs and on every GPU that PyTorch serves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from lib.engines.engine import Arrays, Engine, Settings, check_fit
from lib.engines.torch.devices import device_of, keep_memory, use_cores
from lib.engines.torch.forms import first_values, form_of
from lib.engines.torch.group import TorchAlone, TorchGroup, group_of
from lib.engines.torch.module_net import ModuleNet
from lib.engines.torch.optimiser import optimiser_of
from lib.modules import operators
from lib.run.carry import Carried
from lib.run.task import Batch, Network, parts


class TorchEngine(Engine):
    """gpus: '0', or '' for the CPU. cpus: parts into which a batch is divided, each with its own statistics, as several
    devices have them. kvstore: cfg.default.kvstore; dist_*: one of several workers."""

    name = "torch"
    group: TorchAlone | TorchGroup

    def __init__(self, settings: Settings, gpus: str, cpus: int, kvstore: str):
        use_cores()
        self._settings, self._device = settings, device_of(gpus)
        if self._device.type == "cpu":
            keep_memory()
        self._dtype = torch.float64 if settings.precision == "float64" else torch.float32
        self.devices = tuple(f"cpu({number})" for number in range(cpus)) if not gpus.strip() else (f"gpu({gpus})",)
        self.group = group_of(kvstore, self._device)

    def facts(self) -> dict:
        return {
            "versions": {"active-convnets": operators.version},
            "operator_threads": operators.num_threads(),
            "instruction_set": operators.instruction_set(),
            **({"gpu": torch.cuda.get_device_name(self._device)} if self._device.type == "cuda" else {}),
        }

    def build(self, network: Network, arg: Mapping | None = None, aux: Mapping | None = None) -> None:
        form = self._form = form_of(network)
        self.network = network = form.network
        shapes = form.shapes(network.inputs)
        shapes = {name: shapes[name] for name in network.rules}
        if arg is None:
            values = first_values(form, shapes)
            arg = {name: value for name, value in values.items() if name not in form.states}
            aux = {name: value for name, value in values.items() if name in form.states}
        aux = aux or {}
        check_fit(shapes, form.states, arg, aux)
        arg, aux = (
            {name: value.astype(self._numpy, copy=False) for name, value in each.items()} for each in (arg, aux)
        )
        self._net: Any = form.net(arg, aux, list(dict.fromkeys([*form.heads, *network.outputs]))).to(self._device)
        self._held: set[str] = set()
        self.hold((), False)
        self._optimiser = optimiser_of(self._settings, dict(self._net.named_parameters()), network.rules)
        self._carried = Carried(network.carries, len(self.devices))
        self._views: dict[tuple, ModuleNet | operators.SymbolNet] = {}
        self._others = [{n: b.clone() for n, b in self._net.named_buffers()} for _ in self.devices[1:]]

    def shapes(self, inputs: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
        return self._form.shapes(inputs)

    def update(self, batch: Batch, rate: float, *more: Batch) -> list[Arrays]:
        self._net.train()
        self._net.zero_grad(set_to_none=True)
        results, wanted = [], self.network.outputs or self._net.heads
        for number, part in (each for one in (batch, *more) for each in enumerate(parts(one, len(self.devices)))):
            with self._statistics_of(number):
                with self._precision():
                    outputs = self._net(**self._tensors(part))
                outputs = list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]
                with self._carrying(number):
                    self._net.backward_heads(outputs[: len(self._net.heads)])
            given = dict(zip(self._net.outputs, outputs))
            results.append({name: _numpy(given[name]) for name in wanted})
        self._leave_alone()
        trained = [each.grad for each in self._net.parameters() if each.grad is not None]
        if trained:
            self.group.add_up(trained)
        self._optimiser.step(rate, 1 + len(more))
        return results

    @torch.no_grad()
    def compute(self, inputs: Batch, outputs: Sequence[str]) -> Arrays:
        view = self._view(tuple(outputs))
        given = {name: value for name, value in inputs.items() if name in view.inputs}
        with self._precision():
            found = view(**self._tensors(given))
        found = found if isinstance(found, (list, tuple)) else [found]
        return {name: _numpy(each) for name, each in zip(outputs, found)}

    def parameters(self, names: Iterable[str] | None = None) -> tuple[Arrays, Arrays]:
        wanted = None if names is None else set(names)
        arg = {n: _numpy(p) for n, p in self._net.named_parameters() if wanted is None or n in wanted}
        aux = {}
        for name, buffer in self._net.named_buffers():
            if wanted is None or name in wanted:
                # In float64, so that the mean of equal copies is that copy.
                copies = [_numpy(buffer), *(_numpy(each[name]) for each in self._others)]
                aux[name] = np.mean(copies, axis=0, dtype=np.float64).astype(self._numpy)
        return arg, aux

    @torch.no_grad()
    def load(self, arg: Mapping[str, np.ndarray], aux: Mapping[str, np.ndarray]) -> None:
        held = {**dict(self._net.named_parameters()), **dict(self._net.named_buffers())}
        for name, value in {**arg, **aux}.items():
            for copy in [held[name], *(each[name] for each in self._others if name in each)]:
                copy.copy_(torch.from_numpy(np.ascontiguousarray(value)).to(self._device))

    def momentum(self) -> Arrays:
        return {name: _numpy(value) for name, value in self._optimiser.state().items()}

    def load_momentum(self, values: Mapping[str, np.ndarray]) -> None:
        given = {name: torch.from_numpy(np.array(value, self._numpy)) for name, value in values.items()}
        self._optimiser.load({name: value.to(self._device) for name, value in given.items()})

    def hold(self, names: Iterable[str], held: bool) -> None:
        self._held = self._held | set(names) if held else self._held - set(names)
        for name, parameter in self._net.named_parameters():
            parameter.requires_grad_(self.network.rules[name].grad_req != "null" and name not in self._held)

    def slow(self, names: Iterable[str], factor: float) -> None:
        self._optimiser.slow(names, factor)

    @torch.no_grad()
    def clip(self, names: Iterable[str], bound: float) -> None:
        held = dict(self._net.named_parameters())
        for name in names:
            held[name].clamp_(-bound, bound)

    @property
    def states(self) -> Sequence[str]:
        return self._net.states

    def seed(self, number: int) -> None:
        torch.manual_seed(number)

    def close(self, failed: bool = False) -> None:
        self.group.leave(failed)

    @property
    def _numpy(self) -> str:
        return "float64" if self._dtype is torch.float64 else "float32"

    def _tensors(self, batch: Batch) -> dict[str, torch.Tensor]:
        return {name: torch.from_numpy(np.ascontiguousarray(value)).to(self._device, self._dtype, non_blocking=True)
                for name, value in batch.items()}  # fmt: skip

    def _precision(self):
        low = self._settings.precision == "bfloat16"
        return torch.autocast(self._device.type, torch.bfloat16, enabled=low)

    def _leave_alone(self) -> None:
        """Parameters that the network did not use have zeros as gradients, as in MXNet; held ones have none."""
        for parameter in self._net.parameters():
            if not parameter.requires_grad:
                parameter.grad = None

    @contextmanager
    def _carrying(self, number: int):
        """What a block adds to gradients that are carried has added to it what this part of the batch has carried."""
        carried = {n: p for n, p in self._net.named_parameters() if n in self._carried.names and p.requires_grad}
        others = {name: parameter.grad for name, parameter in carried.items()}
        for parameter in carried.values():
            parameter.grad = None
        yield
        for name, parameter in carried.items():
            own = torch.from_numpy(self._carried.gradient(name, number, _numpy(parameter.grad))).to(parameter)
            parameter.grad = own if others[name] is None else others[name] + own

    def _statistics_of(self, number: int):
        return _Swapped(self._net, self._others[number - 1] if number else None)

    def _view(self, outputs: tuple[str, ...]) -> ModuleNet | operators.SymbolNet:
        if outputs not in self._views:
            self._views[outputs] = self._form.view(self._net, outputs)
        return self._views[outputs]


class _Swapped:
    """Puts other statistics into a network for the time of a block, and keeps what becomes of them."""

    def __init__(self, net: ModuleNet | operators.SymbolNet, other: dict[str, torch.Tensor] | None):
        self._net, self._other = net, other

    def __enter__(self) -> None:
        self._swap()

    def __exit__(self, *unused) -> None:
        self._swap()

    def _swap(self) -> None:
        if self._other is not None:
            for name, buffer in list(self._net.named_buffers()):
                owner, _, own = name.rpartition(".")
                self._net.get_submodule(owner)._buffers[own], self._other[name] = self._other[name], buffer


def _numpy(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().to("cpu", torch.float64 if tensor.dtype is torch.float64 else torch.float32).numpy().copy()
