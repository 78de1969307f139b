# SPDX-License-Identifier: Apache-2.0
"""How every parameter is trained and what it starts from: one table, looked up by the parameter's name.

The table holds the rules of the original's DeepLab (Deformable-ConvNets, deeplab/symbols), which it spread over
variable attributes, an `init_weight` method and MXNet's naming habits. Gluon keeps none of these (SymbolBlock drops
`__lr_mult__`, Trainer decays every parameter), so they are stated here once; `deeplab.symbols` writes the same
multipliers into the Symbol for those who train it with Module.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

INPUTS = ("data", "label")


@dataclass(frozen=True)
class Rule:
    """What the trainer must know about one parameter.

    lr_mult: factor on the learning rate. wd_mult: factor on the weight decay.
    grad_req: 'write', or 'null' for a parameter that is never updated.
    init: name of its initial value, see `deeplab.core.initial`.
    pretrained: True if a classification network pretrained for this backbone must provide it.
    """

    lr_mult: float
    wd_mult: float
    grad_req: str
    init: str
    pretrained: bool


@dataclass(frozen=True)
class _Row:
    pattern: str  # the whole name must match
    lr_mult: float
    init: str
    pretrained: bool = False


def _table(cfg) -> tuple[_Row, ...]:
    """The rows in order; the first that matches decides."""
    scale = float(cfg.net.offset_lr_mult)
    # DCNv2 slows its offset-and-mask branch as a whole; the first deformable network treats its branch as a new layer.
    weight, bias = (0.1, 0.1) if str(cfg.symbol).endswith("_modulated") else (1.0, 2.0)
    return (
        _Row(r"upsampling_weight", 0.0, "bilinear"),
        _Row(r"fc6_weight", 1.0, cfg.net.head_init),
        _Row(r"score_weight", 1.0, "normal"),
        _Row(r"(fc6|score)_bias", 2.0, "zeros"),
        _Row(r".*_offset_weight", weight * scale, "zeros"),
        _Row(r".*_offset_bias", bias * scale, "zeros"),
        _Row(r".*_offset", scale, "zeros"),
        _Row(r"bn.*_(gamma|moving_var)", 1.0, "ones", True),
        _Row(r"bn.*_(beta|moving_mean)", 1.0, "zeros", True),
        _Row(r"(conv1|res.*)_weight", 1.0, "msra", True),
    )


def rules(cfg, names: Iterable[str]) -> dict[str, Rule]:
    """The Rule of every parameter in `names` (arguments and auxiliary states, without `data` and `label`).

    cfg: reads `symbol` (a name ending in `_modulated` has a slow offset branch), `net.head_init`,
    `net.offset_lr_mult` (factor on the multipliers of all that makes offsets; 1 by default) and `network.FIXED_PARAMS`
    (a parameter whose name contains one of these strings is not updated). A parameter with lr_mult 0 is not updated
    either.
    Raises ValueError for a name that no row of the table knows.
    """
    table = _table(cfg)
    fixed = tuple(cfg.network.FIXED_PARAMS)
    return {name: _rule(table, fixed, name) for name in names}


def _rule(table: tuple[_Row, ...], fixed: tuple[str, ...], name: str) -> Rule:
    row = next((row for row in table if re.fullmatch(row.pattern, name)), None)
    if row is None:
        raise ValueError(
            f"parameter {name!r}: no row of the table in deeplab/core/param_rules.py matches this name; "
            f"known forms: {', '.join(row.pattern for row in table)}"
        )
    # MXNet's habit, which the published training runs relied on: only weights and gammas decay.
    wd_mult = 1.0 if name.endswith(("_weight", "_gamma")) else 0.0
    statistic = name.endswith(("_moving_mean", "_moving_var"))
    still = statistic or row.lr_mult == 0 or any(part in name for part in fixed)
    return Rule(row.lr_mult, wd_mult, "null" if still else "write", row.init, row.pretrained)


def network_shapes(symbol, data_shape: tuple[int, int, int, int]) -> dict[str, tuple[int, ...]]:
    """Shape of every argument, auxiliary state and output of `symbol` for data of shape (N, 3, H, W).

    The label of a training symbol, (N, H, W), follows from the data. Raises ValueError naming what stays unknown.
    """
    known = {"data": tuple(data_shape)}
    if "label" in symbol.list_arguments():
        known["label"] = (data_shape[0], *data_shape[2:])
    arguments, outputs, states = symbol.infer_shape(**known)
    if arguments is None:
        raise ValueError(f"shapes of {symbol.name!r} for data {tuple(data_shape)}: the graph does not determine all")
    names = symbol.list_arguments() + symbol.list_auxiliary_states() + symbol.list_outputs()
    return dict(zip(names, [tuple(shape) for shape in arguments + states + outputs]))
