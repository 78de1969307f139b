# SPDX-License-Identifier: Apache-2.0
"""How far normalized gradients can move an offset: a bound that every run of an active network must keep.

One update moves a tap by v, v = momentum * v - rate * g. With normalized gradients g has at most the length
offset_lr_rate on each device, and the devices' gradients are summed. Each update's push, carried on by the momentum,
adds up to no more than rate * |g| / (1 - momentum), so

    |offset| <= devices * offset_lr_rate / (1 - momentum) * sum of the learning rates of the updates so far.

Offsets have no weight decay. For the report's 4 GPUs that is 1220 * offset_lr_rate pixels.
"""

from __future__ import annotations

from deeplab.core.schedule import schedule


def displacement_bound(cfg, images: int, epochs: int | None = None, devices: int | None = None) -> float:
    """The longest displacement of a tap, in pixels of the layer's input, that `epochs` epochs can reach.

    cfg: an active network with net.normalize_grad; reads TRAIN, gpus, net.offset_lr_rate, net.offset_lr_mult,
        run.cpus and run.offset_warmup_epochs, during which offsets do not move.
    images: per epoch, mirrored copies counted. epochs: complete ones; None: all of TRAIN.end_epoch.
    devices: of all workers; None: those of one worker.
    Raises ValueError without net.normalize_grad, for then nothing bounds a gradient, and for momentum 1 or more.
    """
    if not cfg.net.normalize_grad:
        raise ValueError("net.normalize_grad: false; only normalized gradients have a bounded displacement")
    if cfg.TRAIN.momentum >= 1:
        raise ValueError(f"TRAIN.momentum: expected less than 1, got {cfg.TRAIN.momentum}")
    devices = devices or (len(cfg.gpus.split(",")) if cfg.gpus else cfg.run.cpus)
    batch = cfg.TRAIN.BATCH_IMAGES * devices
    rate, per_epoch = schedule(cfg, images, batch), images // batch
    last = cfg.TRAIN.end_epoch if epochs is None else epochs
    moving = range(cfg.run.offset_warmup_epochs * per_epoch + 1, last * per_epoch + 1)
    step = devices * cfg.net.offset_lr_rate * cfg.net.offset_lr_mult / (1 - cfg.TRAIN.momentum)
    return step * sum(map(rate, moving))
