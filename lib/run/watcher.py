# SPDX-License-Identifier: Apache-2.0
"""What the loop asks after every update and every epoch."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Seen:
    """problem: why the run cannot go on, '' if it can. line: added to the epoch's line of metrics. events: lines of
    their own, each with its 'event'."""

    problem: str = ""
    line: dict = field(default_factory=dict)
    events: list[dict] = field(default_factory=list)


class Watcher:
    """Watches a training; every method may be left as it is."""

    def before_epoch(self, epoch: int) -> None:
        """Before the first update of an epoch, counted from 0."""

    def after_update(self) -> str:
        """Why the run cannot go on, '' if it can."""
        return ""

    def after_epoch(self, epoch: int) -> Seen:
        """What there is to tell of a complete epoch."""
        return Seen()

    def tell(self) -> str:
        """What there is to say when the run ends badly; '' for nothing."""
        return ""
