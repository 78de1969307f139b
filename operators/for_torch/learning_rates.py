# SPDX-License-Identifier: Apache-2.0
"""Learning rates for parameters that say where to look."""

from __future__ import annotations

from typing import Any

from torch import nn


def param_groups(model: nn.Module, lr: float, weight_decay: float = 0.0) -> list:
    """Parameter groups for a torch optimizer: `torch.optim.SGD(param_groups(model, lr=0.01), momentum=0.9)`.

    model : may hold layers of this package, which say by `offset_lr_mult` what their offsets' rate is (0.1 for the
        branches of deformable convolutions, as in Deformable ConvNets v2)
    lr, weight_decay : of all other parameters. Offsets that are parameters (ActiveConv2d, Shift) have no decay: it
        would pull them back to the regular grid. Where a parametrization, weight_norm, spectral_norm or pruning stands
        in for offsets, its parameters have their rate and decay.

    Returns one group for everything else and one for each multiplier and decay in use; each parameter stands in one of
    them, once. A scheduler that multiplies rates keeps their ratios.
    """
    special: dict = {}
    module: Any  # what it says of its offsets is no part of nn.Module
    for module in model.modules():
        if not hasattr(module, "offset_lr_mult"):
            continue
        for parameter in module.offset_parameters():
            decay = weight_decay if module.offsets_decay else 0.0
            special.setdefault(parameter, (lr * module.offset_lr_mult, decay))
    groups: dict = {(lr, weight_decay): []}
    for parameter in model.parameters():
        groups.setdefault(special.get(parameter, (lr, weight_decay)), []).append(parameter)
    return [{"params": params, "lr": rate, "weight_decay": decay} for (rate, decay), params in groups.items() if params]
