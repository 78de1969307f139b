# SPDX-License-Identifier: Apache-2.0
"""Measures after every epoch what is not trained on: the curve of the test loss beside that of the training."""

from __future__ import annotations

from lib.run.metrics import Sums
from lib.run.task import HeldOut
from lib.run.watcher import Seen, Watcher


class WatchHeldOut(Watcher):
    """The epoch's line of metrics gets `test`: {"loss", ...}, means over all held-out batches, as the network computes
    when it is not training. Changes nothing of the training; every worker measures all of them."""

    def __init__(self, engine, held_out: HeldOut, log):
        self._engine, self._held_out, self._log = engine, held_out, log

    def after_epoch(self, epoch: int) -> Seen:
        sums, held = Sums(), self._held_out
        for batch in held.batches():
            sums.add(held.measure(self._engine.compute(batch, held.outputs), batch))
        line = sums.line()
        self._log.info(
            "Epoch[%d] held out: %s", epoch, ", ".join(f"{name} {value:.4f}" for name, value in line.items())
        )
        return Seen(line={"test": line})
