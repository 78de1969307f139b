# SPDX-License-Identifier: Apache-2.0
"""The engine that runs a network as gluon.SymbolBlock, and updates it with gluon.Trainer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import mxnet as mx
import numpy as np
from mxnet import autograd, gluon

from lib.engines.engine import Arrays, Engine, EngineError, Settings
from lib.engines.mxnet import optimiser
from lib.engines.mxnet.devices import contexts
from lib.engines.mxnet.float64 import in_float64
from lib.engines.mxnet.group import KVStoreAlone, KVStoreGroup, group_of
from lib.engines.mxnet.network import Parameters, block_of, infer_shapes
from lib.nets import boxes as boxes  # registers what the graphs of detection have
from lib.nets import operators
from lib.run.carry import Carried
from lib.run.module_text import read_module
from lib.run.task import Batch, Network, parts


class MXNetEngine(Engine):
    """gpus: '0,2', or '' for the CPU as `cpus` contexts. kvstore: cfg.default.kvstore."""

    name = "mxnet"
    group: KVStoreAlone | KVStoreGroup

    def __init__(self, settings: Settings, gpus: str, cpus: int, kvstore: str):
        self._settings, self._contexts = settings, contexts(gpus, cpus)
        self.devices = tuple(map(str, self._contexts))
        self.group = group_of(kvstore)

    def facts(self) -> dict:
        return {
            "versions": {"active-convnets": operators.version},
            "operator_threads": operators.num_threads(),
            "instruction_set": operators.instruction_set(),
        }

    def build(self, network: Network, arg: Mapping | None = None, aux: Mapping | None = None) -> None:
        if (module := read_module(network.graph)) is not None:
            raise EngineError(f"engine: {module.module} is a torch module, which PyTorch alone runs: engine=torch")
        self.network = network
        graph = in_float64(network.graph) if self._settings.precision == "float64" else network.graph
        self._symbol = mx.sym.load_json(graph)
        self._held = Parameters(self._symbol, network, self._settings.precision, self._contexts, arg, aux)
        self._blocks: dict[tuple | str, gluon.SymbolBlock] = {}
        self._inputs = [name for name in self._symbol.list_arguments() if name in network.inputs]
        self._own = network.outputs or tuple(self._symbol.list_outputs())
        self._trainer: gluon.Trainer | None = None
        self._carried = Carried(network.carries, len(self._contexts))

    def shapes(self, inputs: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
        return infer_shapes(self._symbol.get_internals(), inputs)

    def update(self, batch: Batch, rate: float, *more: Batch) -> list[Arrays]:
        trainer = self._optimiser()
        trainer.set_learning_rate(rate)
        self._held.begin_gradients(add=bool(more))
        outputs = [each for one in (batch, *more) for each in self._backward(one)]
        self._carry()
        # Losses are means already; devices are summed, as in the original, and batches averaged.
        trainer.step(1 + len(more))
        return outputs

    def _backward(self, batch: Batch) -> list[Arrays]:
        """The gradients of a batch; gives the outputs of each device."""
        block, loaded = self._training_block(), []
        for part, context in zip(parts(batch, len(self._contexts)), self._contexts):
            loaded.append([mx.nd.array(part[name], ctx=context, dtype=self._held.dtype) for name in self._inputs])
        with autograd.record():
            results = [_listed(block(*given)) for given in loaded]
        autograd.backward([each for result in results for each in result])
        count = len(self._own)
        return [dict(zip(self._own, (each.asnumpy() for each in result[-count:]))) for result in results]

    def compute(self, inputs: Batch, outputs: Sequence[str]) -> Arrays:
        block = self._block(tuple(outputs))
        names = [name for name in block.given if name in self.network.inputs]
        given = [mx.nd.array(inputs[name], ctx=self._contexts[0], dtype=self._held.dtype) for name in names]
        return dict(zip(outputs, (each.asnumpy() for each in _listed(block(*given)))))

    def parameters(self, names: Iterable[str] | None = None) -> tuple[Arrays, Arrays]:
        return self._held.to_numpy(names)

    def load(self, arg, aux) -> None:
        self._held.take(arg, aux)

    def momentum(self) -> Arrays:
        return {} if self._trainer is None else optimiser.state_of(self._trainer)

    def load_momentum(self, values: Mapping[str, np.ndarray]) -> None:
        optimiser.load_state(self._optimiser(), self._contexts, values)

    def hold(self, names: Iterable[str], held: bool) -> None:
        for name in names:
            self._held.params[name].grad_req = "null" if held else self.network.rules[name].grad_req

    def slow(self, names: Iterable[str], factor: float) -> None:
        for name in names:
            self._held.params[name].lr_mult *= factor

    def clip(self, names: Iterable[str], bound: float) -> None:
        for name in names:
            for copy in self._held.params[name].list_data():
                mx.nd.clip(copy, -bound, bound, out=copy)

    @property
    def states(self) -> Sequence[str]:
        return self._held.states

    def seed(self, number: int) -> None:
        mx.random.seed(number)

    def close(self, failed: bool = False) -> None:
        if failed:
            self.group.abandon()

    def _optimiser(self) -> gluon.Trainer:
        if self._trainer is None:
            trainer = optimiser.trainer_of(self._held.params, self._settings, self.group.kvstore)
            # Left to the first step, that would overwrite the statistics which each device has just moved with those of
            # one of them: of the worker that MXNet counts as first, another one at each start.
            optimiser.share(trainer)
            self._trainer = trainer
        return self._trainer

    def _carry(self) -> None:
        """Gives every gradient that is carried what its device has carried so far; held ones have none."""
        for name in self._carried.names:
            parameter = self._held.params[name]
            for device, gradient in enumerate(parameter.list_grad() if parameter.grad_req != "null" else []):
                gradient[:] = self._carried.gradient(name, device, gradient.asnumpy())

    def _training_block(self) -> gluon.SymbolBlock:
        """The graph's heads, whose losses are trained, and then those of network.outputs."""
        if "training" not in self._blocks:
            symbol = self._symbol
            if self.network.outputs:
                inside = symbol.get_internals()
                symbol = mx.sym.Group([symbol, *(mx.sym.BlockGrad(inside[name]) for name in self.network.outputs)])
            self._blocks["training"] = block_of(symbol, self._inputs, self._held)
        return self._blocks["training"]

    def _block(self, outputs: tuple[str, ...]) -> gluon.SymbolBlock:
        if outputs not in self._blocks:
            inside = self._symbol.get_internals()
            symbol = mx.sym.Group([inside[name] for name in outputs])
            given = [name for name in symbol.list_arguments() if name in self.network.inputs]
            if not given:  # a block has an input
                given = self._inputs[:1]
                symbol = mx.sym.Group([symbol, mx.sym.var(given[0])])
            self._blocks[outputs] = block_of(symbol, given, self._held)
        return self._blocks[outputs]


def _listed(results) -> list:
    return list(results) if isinstance(results, (list, tuple)) else [results]
