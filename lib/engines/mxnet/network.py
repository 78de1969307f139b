# SPDX-License-Identifier: Apache-2.0
"""A Symbol's parameters as Gluon has them: created, initialised, given their training rules, read and written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import mxnet as mx
import numpy as np

from lib.run.initial import initial_value
from lib.run.params import check_fit
from lib.run.task import Network


class Parameters:
    """params: {name: gluon Parameter} of arguments and auxiliary states, to hand to gluon.Trainer. states: names of
    the auxiliary ones. dtype: of all of them."""

    def __init__(self, symbol, network: Network, dtype: str, contexts: list, arg=None, aux=None):
        self.dtype = dtype
        self.states = symbol.list_auxiliary_states()
        names = [n for n in symbol.list_arguments() if n not in network.inputs] + self.states
        shapes = infer_shapes(symbol, network.inputs)
        self._shapes = {name: shapes[name] for name in names}
        if arg is not None:
            check_fit(self._shapes, self.states, arg, aux)
        self.block = block_of(symbol, [n for n in symbol.list_arguments() if n in network.inputs], self)
        self.params = {name: self.block.params[name] for name in names}
        for name, parameter in self.params.items():
            rule = network.rules[name]
            parameter.shape, parameter.dtype = self._shapes[name], dtype
            parameter.lr_mult, parameter.wd_mult = rule.lr_mult, rule.wd_mult
            parameter.grad_req = rule.grad_req
            parameter.initialize(init=mx.init.Zero(), ctx=contexts)
            if arg is None:
                self._set(name, initial_value(rule.init, name, self._shapes[name], network.seed))
        if arg is not None:
            self.take(arg, aux)

    def take(self, arg: Mapping[str, np.ndarray], aux: Mapping[str, np.ndarray]) -> None:
        mx.nd.waitall()  # a backward pass still under way would write into the new statistics, see to_numpy
        for name, value in {**arg, **aux}.items():
            self._set(name, value)

    def to_numpy(self, names: Iterable[str] | None = None) -> tuple[dict, dict]:
        """Copies of (arguments, auxiliary states); statistics that differ between devices are averaged."""
        # Under hybridize(static_shape=True), as in Module, MXNet 1.9 moves BatchNorm's statistics in a backward pass
        # that its scheduler does not know to write them: reading them does not wait for it (measured: always stale).
        mx.nd.waitall()
        arg, aux = {}, {}
        for name in self.params if names is None else names:
            copies = self.params[name].list_data()
            if name in self.states:
                # In float64, so that the mean of equal copies is that copy.
                mean = np.mean([copy.asnumpy() for copy in copies], axis=0, dtype=np.float64)
                aux[name] = mean.astype(self.dtype)
            else:
                arg[name] = copies[0].asnumpy()
        return arg, aux

    def begin_gradients(self, add: bool) -> None:
        """Before the backward passes of an update. add: there are several, which add to gradients that begin with 0."""
        for parameter in self.params.values():
            if parameter.grad_req != "null":
                parameter.grad_req = "add" if add else "write"
                if add:
                    parameter.zero_grad()

    def _set(self, name: str, value: np.ndarray) -> None:
        self.params[name].set_data(mx.nd.array(value, dtype=self.dtype))


def block_of(symbol, inputs: list[str], held: Parameters) -> mx.gluon.SymbolBlock:
    """`symbol` as a block of these inputs, which shares the parameters that `held` has. given: its inputs, in order."""
    variables = [mx.sym.var(name, dtype=held.dtype) for name in inputs]
    shared = held.block.params if hasattr(held, "block") else None
    block = mx.gluon.SymbolBlock(symbol, variables, params=shared)
    block.given = inputs
    return block


def infer_shapes(symbol, inputs: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    """Shape of every argument, auxiliary state and output of `symbol` for inputs of these shapes.

    Inputs that the symbol does not have do not count. Raises ValueError if the graph does not determine all.
    """
    known = {name: tuple(shape) for name, shape in inputs.items() if name in symbol.list_arguments()}
    arguments, outputs, states = symbol.infer_shape(**known)
    if arguments is None:
        raise ValueError(f"the inputs {known} do not determine all shapes of the graph")
    names = symbol.list_arguments() + symbol.list_auxiliary_states() + symbol.list_outputs()
    return dict(zip(names, [tuple(shape) for shape in arguments + states + outputs]))
