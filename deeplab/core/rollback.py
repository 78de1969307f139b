# SPDX-License-Identifier: Apache-2.0
"""Training that goes back to its last checkpoint when it diverges, and goes on from there with slower offsets."""

from __future__ import annotations

from deeplab.core import checkpoint, trainer
from deeplab.core.folder import prefix


def train(cfg, dataset, begin: int, facts: dict, log, stop=lambda: False, group=None) -> None:
    """`trainer.train`, and with run.on_explosion=rollback what follows when it raises Diverged.

    The run goes back to its last complete epoch (to its initial state if there is none) and the learning rate of all
    that makes offsets is multiplied by run.rollback_factor; without that the same would happen again, bit for bit.
    Each checkpoint says how often this has happened, so that an interrupted run goes on as it would have.
    Raises Diverged after run.max_rollbacks, or at once if the network has no offsets. (Configurations with several
    workers and rollback are refused: MXNet cannot create a distributed KVStore's entries anew.)
    """
    rollbacks = checkpoint.read_state(prefix(cfg), begin).get("rollbacks", 0) if begin else 0
    while True:
        try:
            return trainer.train(cfg, dataset, begin, facts, log, stop, group, rollbacks)
        except trainer.Diverged as error:
            if cfg.run.on_explosion != "rollback" or not error.offsets:
                raise
            if rollbacks >= cfg.run.max_rollbacks:
                raise trainer.Diverged(
                    f"{error}\nrun.max_rollbacks: went back {rollbacks} times, which did not help"
                ) from error
            rollbacks += 1
            begin = (checkpoint.complete_epochs(prefix(cfg)) or [0])[-1]
            log.warning("%s", error)
            log.warning("rollback %d of %d: on from epoch %d, offsets learn at %g of their rate", rollbacks,
                        cfg.run.max_rollbacks, begin, cfg.run.rollback_factor**rollbacks)  # fmt: skip
