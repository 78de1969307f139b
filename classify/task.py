# SPDX-License-Identifier: Apache-2.0
"""A classifier's training as the loop takes it: network, batches, what is measured, and where the parameters begin."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from classify.batches import Batches
from classify.data import load_dataset, picture_size
from classify.graphs import graph
from classify.rules import rules_of
from lib.looking.layers import looking_layers, offset_parameters
from lib.metrics.log_loss import log_loss
from lib.run.task import Network, Place, Task
from lib.weights.pretrained import begin

ADVICE = (
    "Try a smaller TRAIN.lr; for active convolutions also net.normalize_grad=true with a smaller net.offset_lr_rate, "
    "or run.offset_warmup_epochs; for any offsets net.offset_lr_mult below 1."
)


def training(cfg, place: Place) -> Task:
    """The training of a configuration, as worker place.rank sees it.

    The loss is the cross entropy, a mean over the pictures of each device; devices are summed.
    """
    data = load_dataset(cfg, cfg.dataset.image_set)
    batch = cfg.TRAIN.BATCH_IMAGES * place.replicas
    network = train_network(cfg)
    return Task(
        network=network,
        images=len(data),
        batch=batch,
        iter_size=cfg.run.iter_size,
        batches=Batches(data, cfg, batch, (place.rank, place.workers)).epoch,
        measure=measure,
        saved_graph=network.graph,
        offsets=tuple(offset_parameters(looking_layers(network.graph))),
        begin=lambda engine, log: begin(cfg, engine, log),
        offset_bound=cfg.net.offset_bound,
        source=str(Path(__file__).parent / "symbols" / f"{cfg.symbol}.py"),
        advice=ADVICE,
    )


def train_network(cfg) -> Network:
    """The network as it is trained on one device."""
    text, count = graph(cfg, "train"), cfg.TRAIN.BATCH_IMAGES
    inputs = {"data": (count, *picture_size(cfg)), "label": (count,)}
    return Network(text, inputs, rules_of(cfg, text), cfg.run.seed)


def test_network(cfg) -> Network:
    """The network as it predicts."""
    text = graph(cfg, "test")
    return Network(text, {"data": (1, *picture_size(cfg))}, rules_of(cfg, text))


def measure(outputs, batch) -> dict[str, tuple[float, float]]:
    """Cross entropy and accuracy of one device's pictures, each as (sum, count)."""
    probability, label = outputs["softmax_output"], batch["label"].astype(np.int64)
    own = probability[np.arange(len(label)), label]
    right = (probability.argmax(axis=1) == label).sum()
    return {"LogLoss": log_loss(own, label, ignore=-1), "Accuracy": (float(right), float(len(label)))}
