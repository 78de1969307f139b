# SPDX-License-Identifier: Apache-2.0
"""What is measured after every epoch and not trained on, and its curve."""

from __future__ import annotations

import logging

import numpy as np
import pytest
from matplotlib.figure import Figure

from lib.pictures import panels
from lib.run.held_out import WatchHeldOut
from lib.run.task import HeldOut


class Engine:
    def compute(self, batch, outputs):
        assert outputs == ("out",)
        return {"out": 2 * batch["data"]}


def test_means_are_over_all_that_counts():
    batches = [{"data": np.array(each, float)} for each in ([1, 2, 3], [5])]

    def measure(outputs, batch):
        return {"Loss": (outputs["out"].sum(), len(batch["data"])), "Accuracy": ((outputs["out"] > 4).sum(), 4)}

    seen = WatchHeldOut(Engine(), HeldOut(lambda: batches, ("out",), measure), logging.getLogger("t")).after_epoch(0)
    assert seen.line == {"test": {"loss": 22 / 4, "Accuracy": 2 / 8}} and not seen.problem and not seen.events


@pytest.mark.parametrize("falls", ["in steps", "all the time"])
def test_the_curve_has_the_test_pictures_and_marks_a_rate_that_falls_in_steps(falls):
    rates = [1.0, 1.0, 0.1, 0.1] if falls == "in steps" else [1 / n for n in range(1, 13)]
    updates = [{"update": n + 1, "loss": 1.0, "lr": rate} for n, rate in enumerate(rates)]
    epochs = [{"update": n, "loss": 1.0, "test": {"loss": 2.0, "Accuracy": 0.5}} for n in (len(rates) // 2, len(rates))]
    axis = Figure().subplots()
    panels.loss_curve(axis, updates, epochs)
    assert len(axis.texts) == (1 if falls == "in steps" else 0)
    named = {line.get_label(): list(line.get_ydata()) for line in axis.get_lines()}
    assert named["test pictures"] == [2.0, 2.0]
    (right,) = (each for each in axis.figure.axes if each is not axis)
    assert list(right.get_lines()[0].get_ydata()) == [0.5, 0.5]
    panels.loss_curve(plain := Figure().subplots(), updates, [{"update": len(rates), "loss": 1.0}])
    assert plain.figure.axes == [plain]
