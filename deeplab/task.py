# SPDX-License-Identifier: Apache-2.0
"""DeepLab's training as the loop takes it: network, batches, loss, and where the parameters begin."""

from __future__ import annotations

from pathlib import Path

from deeplab.batches import Batches
from deeplab.data import load_dataset
from deeplab.graphs import graph
from deeplab.rules import rules_of
from lib.config import ConfigError
from lib.config.multi_scale import label_sizes, tag
from lib.config.v3_plus import NAME
from lib.data.labels import IGNORE
from lib.data.whole import whole
from lib.looking.layers import looking_layers, offset_parameters
from lib.metrics.log_loss import accuracy, log_loss
from lib.run.task import HeldOut, Network, Place, Task
from lib.weights.pretrained import begin_backbone

ADVICE = (
    "Try a smaller TRAIN.lr, or TRAIN.warmup=true with a small TRAIN.warmup_lr; for active convolutions also "
    "net.normalize_grad=true with a smaller net.offset_lr_rate, or run.offset_warmup_epochs; for any offsets "
    "net.offset_lr_mult below 1, net.offset_bound, or run.on_explosion=rollback."
)


def training(cfg, place: Place) -> Task:
    """The training of a configuration, as worker place.rank sees it.

    The loss is the cross entropy, a mean over the pixels of each device that have a class; devices are summed. A
    network with net.scales has one loss for the greatest scores and one for each scale, which are added. Raises
    ConfigError for batches of one picture whose statistics DeepLabv3+ would be normalised by.
    """
    if cfg.symbol == NAME and cfg.net.train_bn and cfg.TRAIN.BATCH_IMAGES < 2:
        raise ConfigError(f"TRAIN.BATCH_IMAGES: {NAME} normalises the mean of the whole map over the pictures of a "
                          "batch, expected at least 2 (or net.train_bn=false), got "
                          f"{cfg.TRAIN.BATCH_IMAGES}")  # fmt: skip
    dataset = load_dataset(cfg, cfg.dataset.image_set)
    batch = cfg.TRAIN.BATCH_IMAGES * place.replicas
    batches = Batches(dataset, cfg, seed=cfg.run.seed, batch=batch, part=(place.rank, place.workers))
    network = train_network(cfg)
    saved = graph(cfg, "train")
    losses = tuple(f"FCNLogLoss{of}" for of in _losses(cfg))
    return Task(
        network=network,
        images=len(dataset.records) * (2 if cfg.TRAIN.FLIP else 1),
        batch=batch,
        iter_size=cfg.run.iter_size,
        batches=batches.epoch,
        measure=measure,
        losses=losses if len(losses) > 1 else (),
        saved_graph=saved,
        offsets=tuple(offset_parameters(looking_layers(saved))),
        begin=lambda engine, log: begin_backbone(cfg, engine, log),
        offset_bound=cfg.net.offset_bound,
        source=str(Path(__file__).parent / ("modules" if cfg.symbol == NAME else "symbols") / f"{cfg.symbol}.py"),
        held_out=_held_out(cfg) if cfg.TEST.each_epoch else None,
        advice=ADVICE,
    )


def train_network(cfg) -> Network:
    """The network as it is trained on one device."""
    crop = (cfg.TRAIN.CROP_HEIGHT, cfg.TRAIN.CROP_WIDTH) if cfg.TRAIN.ENABLE_CROP else tuple(cfg.SCALES[0])
    images = cfg.TRAIN.BATCH_IMAGES
    labels = {name: (images, *size) for name, size in label_sizes(crop, cfg.net).items()}
    outputs = tuple(f"probability{of}_output" for of in _losses(cfg))
    return _network(cfg, "measured", {"data": (images, 3, *crop), **labels}, outputs)


def test_network(cfg) -> Network:
    """The network as it predicts; 'classes_output' is the most probable class of each pixel."""
    return _network(cfg, "classified", {"data": (1, 3, *cfg.SCALES[0])}, ())


def _network(cfg, kind: str, inputs: dict, outputs: tuple[str, ...]) -> Network:
    text = graph(cfg, kind)
    if cfg.symbol == NAME:  # the engine knows the names of its parameters
        return Network(text, inputs, {}, cfg.run.seed, outputs, lambda names: rules_of(cfg, text, names))
    return Network(text, inputs, rules_of(cfg, text), cfg.run.seed, outputs)


def measure(outputs, batch) -> dict[str, tuple[float, float]]:
    """FCNLogLoss of one device's images: the sum of -log(p) and the number of pixels that have a class; of every loss
    there is ('FCNLogLoss_scale075'). Accuracy: how many of these pixels are right, where classes are given."""
    found = {}
    for name, probability in ((name, each) for name, each in outputs.items() if name.startswith("probability")):
        of = name[len("probability") : -len("_output")]
        found[f"FCNLogLoss{of}"] = log_loss(probability, batch.get(f"label{of}", batch["label"]), IGNORE)
    if "classes_output" in outputs:
        found["Accuracy"] = accuracy(outputs["classes_output"], batch["label"], IGNORE)
    return found


def _held_out(cfg) -> HeldOut:
    tests = load_dataset(cfg, cfg.dataset.test_image_set)
    return HeldOut(lambda: whole(tests, cfg), ("probability_output", "classes_output"), measure)


def _losses(cfg) -> list[str]:
    """What the names of all losses end in: '' of the only one, or of that of the greatest scores."""
    return ["", *(f"_{tag(scale)}" for scale in cfg.net.scales if len(cfg.net.scales) > 1)]
