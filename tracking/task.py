# SPDX-License-Identifier: Apache-2.0
"""A tracker's training as the loop takes it: network, pairs, what is measured, and where the parameters begin."""

from __future__ import annotations

from lib.run.task import Network, Place, Task
from lib.weights.pretrained import begin
from tracking.anchors import anchors_of
from tracking.batches import Batches
from tracking.data import load_sequences
from tracking.network import network_text
from tracking.rules import rules_of

ADVICE = "Try a smaller TRAIN.lr, net.kernel_init=normal(1e-4), or net.offset_lr_mult below 1."


def training(cfg, place: Place) -> Task:
    """The training of a configuration, as worker place.rank sees it.

    The loss is a mean over the pairs of each device; devices are summed.
    """
    batch = cfg.TRAIN.BATCH_IMAGES * place.replicas
    pairs = Batches(load_sequences(cfg, cfg.dataset.image_set), cfg, batch, (place.rank, place.workers))
    network = train_network(cfg)
    return Task(
        network=network,
        images=cfg.TRAIN.PAIRS,
        batch=batch,
        iter_size=cfg.run.iter_size,
        batches=pairs.epoch,
        measure=measure,
        saved_graph=network.graph,
        losses=("ClassLoss", "BoxLoss"),
        begin=lambda engine, log: begin(cfg, engine, log),
        advice=ADVICE,
    )


def train_network(cfg) -> Network:
    """The network as it is trained on one device."""
    count, net = cfg.TRAIN.BATCH_IMAGES, cfg.net
    anchors = len(anchors_of(cfg, net.search))
    inputs = {
        "template": (count, 3, net.template, net.template),
        "search": (count, 3, net.search, net.search),
        "label": (count, anchors),
        "delta": (count, anchors, 4),
    }
    return _network(cfg, inputs, ("class_loss", "box_loss"))


def test_network(cfg) -> Network:
    """The network as it tracks."""
    net, search = cfg.net, cfg.TEST.SEARCH
    inputs = {"template": (1, 3, net.template, net.template), "search": (1, 3, search, search)}
    return _network(cfg, inputs, ())


def measure(outputs, batch) -> dict[str, tuple[float, float]]:
    """The two losses of one device's pairs, each as (sum, count)."""
    count = len(batch["label"])
    return {name: (float(outputs[key]) * count, count)
            for name, key in (("ClassLoss", "class_loss"), ("BoxLoss", "box_loss"))}  # fmt: skip


def _network(cfg, inputs, outputs) -> Network:
    return Network(network_text(cfg), inputs, {}, cfg.run.seed, outputs, lambda names: rules_of(cfg, names))
