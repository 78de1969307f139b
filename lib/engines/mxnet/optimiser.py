# SPDX-License-Identifier: Apache-2.0
"""MXNet's own optimisers behind gluon.Trainer, and their state as arrays by name (`lib.run.optimiser`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import mxnet as mx
import numpy as np
from mxnet import gluon

from lib.engines.engine import Arrays, Settings
from lib.run.optimiser import adam_state, as_arrays, kind_of


def trainer_of(params, settings: Settings, kvstore) -> gluon.Trainer:
    """params: {name: gluon Parameter}."""
    numbers = {"learning_rate": 0.0, "wd": settings.wd}
    if settings.optimizer == "adam":
        numbers.update(beta1=settings.momentum, beta2=settings.momentum2)
    else:
        numbers.update(momentum=settings.momentum)
    return gluon.Trainer(params, settings.optimizer, numbers, kvstore=kvstore, update_on_kvstore=False)


def share(trainer: gluon.Trainer) -> None:
    """Creates the KVStore's entries, from which every worker and device takes its parameters, and waits for these.

    A server keeps parameters and sums of gradients under the same keys. A gradient that is sent while a parameter is
    still under way could come first, and be taken for the parameter.
    """
    trainer._init_kvstore()
    trainer._init_params()
    for parameter in trainer._params:
        for copy in parameter.list_data():
            copy.wait_to_read()


def state_of(trainer: gluon.Trainer) -> Arrays:
    """Copies, from the first device: all have the same."""
    names, states = [parameter.name for parameter in trainer._params], trainer._updaters[0].states
    held = {index: state for index, state in states.items() if state is not None}
    if not isinstance(trainer._optimizer, mx.optimizer.Adam):
        return {names[index]: state.asnumpy() for index, state in held.items()}
    counts = trainer._optimizer._all_index_update_counts[trainer._contexts[0].device_id]
    return as_arrays(
        {names[index]: (mean.asnumpy(), variance.asnumpy(), counts[index]) for index, (mean, variance) in held.items()}
    )


def load_state(trainer: gluon.Trainer, contexts: Sequence[mx.Context], values: Mapping[str, np.ndarray]) -> None:
    """Takes what `state_of` gave, of this engine or another one."""
    adam = adam_state(values) if kind_of(values) == "adam" else {}
    optimizer = trainer._optimizer
    for updater, context in zip(trainer._updaters, contexts):
        counts = optimizer._all_index_update_counts.setdefault(context.device_id, {})
        for index, parameter in enumerate(trainer._params):
            if parameter.name in adam:
                *state, counts[index] = adam[parameter.name]
                updater.states[index] = tuple(mx.nd.array(each, ctx=context, dtype=parameter.dtype) for each in state)
            elif parameter.name in values:
                updater.states[index] = mx.nd.array(values[parameter.name], ctx=context, dtype=parameter.dtype)
            else:
                continue
            updater.states_synced[index] = True
