# SPDX-License-Identifier: Apache-2.0
"""A FlowNet's training as the loop takes it: network, batches, what is measured, and where the parameters begin."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from flow.batches import Batches
from flow.data import load_dataset, picture_size
from flow.graphs import graph
from flow.levels import LEVELS, SCALE, size_at, target
from flow.rules import rules_of
from lib.run.task import Network, Place, Task
from lib.weights.pretrained import begin

ADVICE = "Try a smaller TRAIN.lr, or TRAIN.warmup with TRAIN.warmup_rises=true, as FlowNetC needs it."
OUTPUTS = (*(f"loss{level}_output" for level in LEVELS), "predict_flow2_output")


def training(cfg, place: Place) -> Task:
    """The training of a configuration, as worker place.rank sees it.

    The loss is the multi-scale end-point error, a mean over the pairs of each device; devices are summed.
    """
    data, size = load_dataset(cfg, cfg.dataset.image_set), picture_size(cfg)
    batch = cfg.TRAIN.BATCH_IMAGES * place.replicas
    network = train_network(cfg)
    return Task(
        network=network,
        images=len(data),
        batch=batch,
        iter_size=cfg.run.iter_size,
        batches=Batches(data, cfg, size, batch, (place.rank, place.workers)).epoch,
        measure=measure,
        saved_graph=network.graph,
        begin=lambda engine, log: begin(cfg, engine, log),
        source=str(Path(__file__).parent / "symbols" / f"{cfg.symbol}.py"),
        advice=ADVICE,
    )


def train_network(cfg) -> Network:
    """The network as it is trained on one device."""
    text, count, size = graph(cfg, "train"), cfg.TRAIN.BATCH_IMAGES, picture_size(cfg)
    inputs = {"data": (count, 6, *size), **{target(level): (count, 3, *size_at(level, size)) for level in LEVELS}}
    return Network(text, inputs, rules_of(cfg, text), cfg.run.seed, OUTPUTS)


def test_network(cfg) -> Network:
    """The network as it predicts, pictures of any size."""
    text = graph(cfg, "test")
    return Network(text, {"data": (1, 6, 64, 64)}, rules_of(cfg, text))


def measure(outputs, batch) -> dict[str, tuple[float, float]]:
    """Of one device's pairs, as (sum, count): the loss, and the end-point error in pixels on level 2's map, where each
    cell stands for 4 x 4 pixels."""
    count = len(batch["data"])
    loss = sum(float(outputs[f"loss{level}_output"].sum()) for level in LEVELS)
    wanted, there = batch["flow2"][:, :2], batch["flow2"][:, 2] > 0
    difference = SCALE * (outputs["predict_flow2_output"] - wanted)
    errors = np.hypot(difference[:, 0], difference[:, 1])[there]
    return {"FlowLoss": (loss * count, float(count)), "EPE": (float(errors.sum()), float(errors.size))}
