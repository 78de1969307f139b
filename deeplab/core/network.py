# SPDX-License-Identifier: Apache-2.0
"""A Symbol as a trainable Gluon block whose parameters obey the by-name table."""

from __future__ import annotations

from collections.abc import Mapping

import mxnet as mx
import numpy as np

from deeplab.core.initial import initial_value
from deeplab.core.param_rules import INPUTS, network_shapes, rules


class Network:
    """`symbol` as a gluon.SymbolBlock with its parameters created, initialised and given their training rules.

    cfg: the configuration (rules: see `param_rules.rules`; initial values: `run.seed`).
    symbol: from `deeplab.symbols.get_symbol`; inputs `data` and, in training, `label`.
    data_shape: (N, 3, H, W) of one device's batch. The block accepts other N, H and W later.
    ctx: one mx.Context or a list of them (one copy of the parameters each); mx.cpu() by default.

    block: call as `block(data, label)` in training, `block(data)` in testing.
    params: {name: gluon Parameter} of arguments and auxiliary states, to hand to
        `gluon.Trainer(network.params, "sgd", {...}, update_on_kvstore=False)`; gradients are summed, so `step(1)`.
    rules: {name: Rule}.
    """

    def __init__(self, cfg, symbol, data_shape, ctx=None):
        ctx = mx.cpu() if ctx is None else ctx
        inputs = [name for name in INPUTS if name in symbol.list_arguments()]
        names = [n for n in symbol.list_arguments() if n not in inputs] + symbol.list_auxiliary_states()
        shapes = network_shapes(symbol, data_shape)
        self.symbol = symbol
        self.rules = rules(cfg, names)
        self.block = mx.gluon.SymbolBlock(symbol, [mx.sym.var(name, dtype="float32") for name in inputs])
        self.params = {name: self.block.params[name] for name in names}
        self._states = frozenset(symbol.list_auxiliary_states())
        for name, parameter in self.params.items():
            rule = self.rules[name]
            parameter.shape = shapes[name]
            parameter.lr_mult, parameter.wd_mult = rule.lr_mult, rule.wd_mult
            parameter.grad_req = rule.grad_req
            parameter.initialize(init=mx.init.Zero(), ctx=ctx)
            self._set(name, initial_value(rule.init, name, shapes[name], cfg.run.seed))

    def load(self, arg: Mapping[str, np.ndarray], aux: Mapping[str, np.ndarray]) -> None:
        """Take all parameters from a checkpoint of this very network.

        Raises ValueError, and changes nothing, if a name is missing or unknown or has another shape; it lists them all.
        """
        self._take(arg, aux, list(self.params), strict=True)

    def load_pretrained(self, arg: Mapping[str, np.ndarray], aux: Mapping[str, np.ndarray]) -> list[str]:
        """Take the backbone from a pretrained classification network; head and offset branches keep their values.

        Returns the names in the file that were not used (its classifier). Raises ValueError, and changes nothing, if
        a parameter of the backbone is missing or has another shape.
        """
        wanted = [name for name in self.params if self.rules[name].pretrained]
        self._take(arg, aux, wanted, strict=False)
        return sorted((set(arg) | set(aux)) - set(wanted))

    def to_numpy(self) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Copies of all (arguments, auxiliary states); statistics that differ between devices are averaged."""
        # Under hybridize(static_shape=True), as in Module, MXNet 1.9 moves BatchNorm's statistics in a backward pass
        # that its scheduler does not know to write them: reading them does not wait for it (measured: always stale).
        mx.nd.waitall()
        arg, aux = {}, {}
        for name, parameter in self.params.items():
            if name in self._states:
                # In float64, so that the mean of equal copies is that copy.
                copies = [copy.asnumpy() for copy in parameter.list_data()]
                aux[name] = np.mean(copies, axis=0, dtype=np.float64).astype(np.float32)
            else:
                arg[name] = parameter.list_data()[0].asnumpy()
        return arg, aux

    def share_statistics(self, group) -> None:
        """Gives all copies of the auxiliary states, on every device of every worker of `group`, their common mean.

        Each device's batch normalisation follows the statistics of its own images. What is saved must stand for all,
        and a run that goes on from it must have what the uninterrupted one has. Does nothing where there is one copy.
        """
        if group.size == 1 and all(len(parameter.list_ctx()) == 1 for parameter in self.params.values()):
            return
        _, aux = self.to_numpy()
        total = group.total(np.concatenate([value.ravel() for value in aux.values()]))
        parts = np.split(total / group.size, np.cumsum([value.size for value in aux.values()])[:-1])
        for (name, value), part in zip(aux.items(), parts):
            self._set(name, part.reshape(value.shape))

    def offsets(self) -> dict[str, np.ndarray]:
        """Offsets (y, x) of the active convolutions: {name: (num_offset_group, num_deformable_group, kh, kw, 2)}."""
        return {n: p.list_data()[0].asnumpy() for n, p in self.params.items() if n.endswith("_offset")}

    def _take(self, arg, aux, wanted, strict):
        given = {name: (aux if name in self._states else arg).get(name) for name in wanted}
        problems = [f"{n} is missing" for n, v in given.items() if v is None]
        problems += [
            f"{name} has shape {tuple(value.shape)}, expected {tuple(self.params[name].shape)}"
            for name, value in given.items()
            if value is not None and tuple(value.shape) != tuple(self.params[name].shape)
        ]
        if strict:
            unknown = (set(arg) - (set(wanted) - self._states)) | (set(aux) - self._states)
            problems += [f"{name} is not a parameter of this network" for name in sorted(unknown)]
        if problems:
            raise ValueError(f"parameters do not fit {self.symbol.name!r}: {'; '.join(problems)}")
        mx.nd.waitall()  # a backward pass still under way would write into the new statistics, see to_numpy
        for name, value in given.items():
            self._set(name, value)

    def _set(self, name, value):
        self.params[name].set_data(mx.nd.array(value, dtype=self.params[name].dtype))
