# SPDX-License-Identifier: Apache-2.0
"""The training loop."""

from __future__ import annotations

import json
import math
import shutil
import zlib
from contextlib import closing
from pathlib import Path

import mxnet as mx
import numpy as np
from mxnet import autograd, gluon

from deeplab import symbols
from deeplab.core import checkpoint, folder
from deeplab.core.devices import contexts
from deeplab.core.displacement import displacement_bound
from deeplab.core.folder import prefix
from deeplab.core.group import Group
from deeplab.core.log import Metrics, NoMetrics, Progress
from deeplab.core.metric import FCNLogLoss
from deeplab.core.network import Network
from deeplab.core.offset_monitor import OffsetMonitor
from deeplab.core.predictor import has_offsets
from deeplab.core.pretrained import read_pretrained
from deeplab.core.schedule import schedule
from deeplab.core.stability import Stability, slow_down
from deeplab.dataset.batches import Batches


class Diverged(RuntimeError):
    """The loss or a parameter is no longer a finite number, or an offset is too long (run.on_explosion).

    offsets: whether the network has any, so that slowing them may help.
    """

    def __init__(self, text: str, offsets: bool = False):
        super().__init__(text)
        self.offsets = offsets


def train(cfg, dataset, begin: int, facts: dict, log, stop=lambda: False, group: Group | None = None,
          rollbacks: int = 0) -> None:  # fmt: skip
    """Trains from `begin` complete epochs to cfg.TRAIN.end_epoch; a checkpoint after each.

    dataset: from `deeplab.dataset.load_dataset`. facts: goes into every checkpoint's .json. log: a logging.Logger.
    stop: asked after every update; when it says True in any worker, KeyboardInterrupt is raised in all.
    group: the workers that train together, this process alone unless given. Each takes its part of every batch; the
    gradients of all devices of all workers are added; the first worker writes the files.
    rollbacks: how often this run has gone back (see `deeplab.core.rollback`); offsets learn at run.rollback_factor of
    their rate for each.
    Two runs of one configuration give the same losses bit for bit on one machine with one number of threads, whether
    or not one of them was interrupted. Raises Diverged; the last checkpoint then is still a good one.
    """
    group = group or Group(cfg.default.kvstore)
    devices = contexts(cfg)
    replicas = len(devices) * group.size
    batch = cfg.TRAIN.BATCH_IMAGES * replicas
    batches = Batches(dataset, cfg, seed=cfg.run.seed, batch=batch, part=(group.rank, group.size))
    images = len(dataset.records) * (2 if cfg.TRAIN.FLIP else 1)
    rate = schedule(cfg, images, batch)
    crop = (cfg.TRAIN.CROP_HEIGHT, cfg.TRAIN.CROP_WIDTH) if cfg.TRAIN.ENABLE_CROP else cfg.SCALES[0]
    network = Network(cfg, symbols.get_symbol(cfg), (cfg.TRAIN.BATCH_IMAGES, 3, *crop), devices)
    trainer = gluon.Trainer(
        network.params,
        "sgd",
        {"learning_rate": cfg.TRAIN.lr, "momentum": cfg.TRAIN.momentum, "wd": cfg.TRAIN.wd},
        kvstore=group.kvstore,
        update_on_kvstore=False,
    )
    _agree(cfg, begin, images, len(devices), group)
    _start(cfg, begin, images, network, trainer, group, log)
    # Creates the KVStore's entries. Left to the first step, that would overwrite the statistics which each device has
    # just moved with those of one of them: of the worker that MXNet counts as first, another one at each start.
    trainer.allreduce_grads()
    before = checkpoint.read_state(prefix(cfg), begin).get("rollbacks", 0) if begin else 0
    slow_down(network, trainer, cfg.run.rollback_factor, rollbacks, before)
    own = cfg.TRAIN.BATCH_IMAGES  # of one device
    monitor = OffsetMonitor(network, (own, 3, *crop), lambda: next(batches.epoch(0))[0][:own], devices[0])
    stability = Stability(cfg, network, monitor, log)
    update, loss = begin * len(batches), FCNLogLoss()
    metrics = Metrics(prefix(cfg).parent / "metrics.jsonl", update) if group.first else NoMetrics()
    with (
        closing(metrics),
        Progress(log, cfg.default.frequent, batch, cfg.TRAIN.end_epoch * len(batches), update) as progress,
    ):
        for epoch in range(begin, cfg.TRAIN.end_epoch):
            hold_offsets(network, epoch < cfg.run.offset_warmup_epochs)
            mx.random.seed(cfg.run.seed + epoch)  # for networks with dropout: a resumed epoch draws the same
            loss.reset()
            progress.start_epoch(epoch)
            for number, (data, label) in enumerate(batches.epoch(epoch)):
                update += 1
                trainer.set_learning_rate(rate(update))
                data = gluon.utils.split_and_load(mx.nd.array(data), devices)
                labels = gluon.utils.split_and_load(mx.nd.array(label), devices)
                with autograd.record():
                    outputs = [network.block(*pair) for pair in zip(data, labels)]
                autograd.backward(outputs)
                trainer.step(1)  # the loss is already a mean over pixels; devices are summed, as in the original
                loss_sum, pixels, stops = group.total([*loss.measure(labels, outputs), stop()])
                value = loss.count(loss_sum, pixels)
                metrics.write(event="update", update=update, epoch=epoch, lr=rate(update), loss=value)
                problem = stability.after_update() if math.isfinite(value) else f"the loss is {value}"
                if problem:
                    raise _diverged(problem, epoch, update, rate(update), network)
                progress.batch_line(epoch, number, loss.value)
                if stops:
                    raise KeyboardInterrupt
            network.share_statistics(group)
            _check_finite(network, epoch, update, rate(update))
            seconds = progress.epoch_lines(epoch, loss.value)
            observations, problem = stability.after_epoch(epoch)
            if group.total([bool(problem)])[0]:  # computed offsets differ between workers: all stop or none
                raise _diverged(problem or "offsets exploded in another worker", epoch, update, rate(update), network)
            speed = len(batches) * batch / seconds
            metrics.write(event="epoch", update=update, epoch=epoch, loss=loss.value, seconds=seconds,
                          images_per_second=speed, offsets=offset_lengths(network),
                          displacement_bound=_bound(cfg, network, images, epoch + 1, replicas))  # fmt: skip
            if observations:
                metrics.write(event="offsets", update=update, epoch=epoch, rollbacks=rollbacks, layers=observations)
            metrics.flush()
            if group.first:
                state = {"update": update, "images": images, "rollbacks": rollbacks, **facts}
                checkpoint.save(prefix(cfg), epoch + 1, network, trainer, state)


def hold_offsets(network, hold: bool) -> None:
    """Keeps the offsets of active convolutions as they are (no gradient, no momentum) or lets them learn again."""
    for name in network.offsets():
        network.params[name].grad_req = "null" if hold else network.rules[name].grad_req


def offset_lengths(network) -> dict[str, dict[str, float]]:
    """Mean and largest displacement, in pixels of the layer's input, of each active convolution."""
    lengths = {name: np.hypot(*np.moveaxis(offset, -1, 0)) for name, offset in network.offsets().items()}
    return {name: {"mean": float(each.mean()), "max": float(each.max())} for name, each in lengths.items()}


def _bound(cfg, network, images: int, epochs: int, devices: int) -> float | None:
    """What no offset can exceed after `epochs` epochs; None where nothing bounds them or there are none."""
    return displacement_bound(cfg, images, epochs, devices) if network.offsets() and cfg.net.normalize_grad else None


def _agree(cfg, begin, images, devices, group) -> None:
    """Raises GroupError if the workers would not train the same network on the parts of the same batches."""
    group.agree(f"complete epochs in {prefix(cfg).parent} (all must see one folder)", begin)
    group.agree("images per epoch", images)
    group.agree("number of devices", devices)
    settings = json.dumps(folder.settings_that_matter(cfg), sort_keys=True)
    group.agree("configuration (checksum)", zlib.crc32(settings.encode()))


def _start(cfg, begin, images, network, trainer, group, log) -> None:
    """Gives the network its initial, pretrained or checkpointed state."""
    place = prefix(cfg).parent
    if group.first:
        shutil.copy(Path(symbols.__path__[0]) / f"{cfg.symbol}.py", place)  # as the original does
    if begin:
        before = checkpoint.read_state(prefix(cfg), begin)["images"]
        if before != images:
            raise ValueError(f"the data set has {images} images per epoch; the run in {place} was begun with {before}")
        checkpoint.restore(prefix(cfg), begin, network, trainer)
        if group.first:
            checkpoint.remove_after(prefix(cfg), begin)
        log.info("continue after epoch %d of %s", begin, prefix(cfg))
    elif cfg.network.pretrained:
        path, arg, aux = read_pretrained(cfg)
        unused = network.load_pretrained(arg, aux)
        log.info("pretrained parameters from %s%s", path, f"; not used: {', '.join(unused)}" if unused else "")
    else:
        log.info("training from random initial values (network.pretrained is empty)")
        if not cfg.net.train_bn:
            log.info(
                "net.train_bn=false: batch norm keeps mean 0 and variance 1, deep networks will diverge from these"
            )


def _check_finite(network, epoch, update, rate) -> None:
    """A loss can stay finite for a while when a parameter is not; a checkpoint must not hold one."""
    for part in network.to_numpy():
        for name, value in part.items():
            if not np.isfinite(value).all():
                raise _diverged(f"parameter {name} is not finite", epoch, update, rate, network)


def _diverged(what, epoch, update, rate, network) -> Diverged:
    largest = max((each["max"] for each in offset_lengths(network).values()), default=None)
    offset = "the network has no offset parameters" if largest is None else f"largest |offset| {largest:.3g} px"
    text = (
        f"training diverged: {what} at update {update} (epoch {epoch}), learning rate {rate:g}, {offset}.\n"
        "Try a smaller TRAIN.lr, or TRAIN.warmup=true with a small TRAIN.warmup_lr; for active convolutions also "
        "net.normalize_grad=true with a smaller net.offset_lr_rate, or run.offset_warmup_epochs; for any offsets "
        "net.offset_lr_mult below 1, net.offset_bound, or run.on_explosion=rollback. "
        "The last checkpoint is from before this and stays."
    )
    return Diverged(text, offsets=has_offsets(network.params))
