# SPDX-License-Identifier: Apache-2.0
"""What training does with each parameter: its rate, decay and initial value, and whether it is trained at all.

A system states this once, as a table; both engines read what comes of it. (MXNet's own places for it do not last:
SymbolBlock drops `__lr_mult__`, Trainer decays every parameter.)
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from lib.run.carry import Carry


@dataclass(frozen=True)
class Rule:
    """What an engine must know about one parameter.

    lr_mult: factor on the learning rate. wd_mult: factor on the weight decay.
    grad_req: 'write', or 'null' for a parameter that is never updated.
    init: name of its initial value, see `lib.run.initial`; 'own': that of a torch module itself.
    pretrained: True if a classification network pretrained for this backbone must provide it.
    carry: what its gradients add to those of later updates, see `lib.run.carry`; None: nothing, as it should be.
    """

    lr_mult: float
    wd_mult: float
    grad_req: str
    init: str
    pretrained: bool
    carry: Carry | None = None


@dataclass(frozen=True)
class Row:
    """One line of a system's table, for the parameters whose whole name matches `pattern`.

    steers: the kind of layer ('active', 'deformable', ...) whose offsets or masks the parameter makes, however it is
    called; '' for all other parameters.
    wd_mult: factor on the weight decay; None: MXNet's habit, by the parameter's name.
    """

    pattern: str
    lr_mult: float
    init: str
    pretrained: bool = False
    steers: str = ""
    carry: Carry | None = None
    wd_mult: float | None = None


def block(initial: Mapping[str, str], before: str = "") -> tuple[Row, ...]:
    """Rows of a block whose biases learn twice as fast as its weights, a habit of Caffe's networks.

    initial: {parameter: initial value}. before: a pattern for what may stand before the names.
    """
    return tuple(
        Row(before + re.escape(name), 2.0 if name.endswith("_bias") else 1.0, init) for name, init in initial.items()
    )


def rules(
    table: Sequence[Row], names: Iterable[str] | None, steers: Mapping[str, str], fixed: Sequence[str], source: str
) -> dict[str, Rule]:
    """The Rule of every parameter and state in `names`; the first row of the table that fits decides.

    steers: {name: kind of layer} of what makes offsets, see `lib.looking.layers.steering`.
    fixed: a parameter whose name contains one of these words is not updated; one with lr_mult 0 is not updated either.
    source: where the table stands, for the error.
    Raises ValueError for a name that no row knows, and for None: of a torch module only its engine has the names.
    """
    if names is None:
        raise ValueError(
            "the network is a torch module, whose parameters' names only an engine that has built it knows"
        )
    return {name: _rule(table, name, steers.get(name, ""), fixed, source) for name in names}


def _rule(table, name: str, steers: str, fixed, source: str) -> Rule:
    row = next((row for row in table if row.steers == steers and re.fullmatch(row.pattern, name)), None)
    if row is None:
        makes = f" (it steers a layer of kind {steers})" if steers else ""
        known = ", ".join(row.pattern for row in table if row.steers == steers) or "none"
        raise ValueError(f"parameter {name!r}{makes}: no row of the table in {source} matches; known forms: {known}")
    # MXNet's habit, which the published training runs relied on: only weights and gammas decay.
    wd_mult = (1.0 if name.endswith(("_weight", "_gamma")) else 0.0) if row.wd_mult is None else row.wd_mult
    statistic = name.endswith(("_moving_mean", "_moving_var", ".running_mean", ".running_var"))
    still = statistic or row.lr_mult == 0 or any(part in name for part in fixed)
    return Rule(row.lr_mult, wd_mult, "null" if still else "write", row.init, row.pretrained, row.carry)
