# SPDX-License-Identifier: Apache-2.0
"""Trained networks, ready to predict: which parameters a configuration means, and which offsets they have."""

from __future__ import annotations

from pathlib import Path

from lib.engines import open_engine
from lib.looking.layers import set_offsets_zero
from lib.run import checkpoint, params
from lib.run.folder import prefix


def predictor(system, cfg, epoch: int = 0, zero_offsets: bool = False, file: Path | None = None):
    """The system's predictor for the parameters of one epoch, or of a .params file of whatever origin.

    epoch: complete epochs of training; 0 takes TEST.test_epoch and, if that is 0 too, the last one.
    zero_offsets: every offset is set to 0, so that active and deformable convolutions look at their regular grid.
    Its `path`, `digest` (SHA-256) and `epoch` say what was taken.
    Raises FileNotFoundError if there is no such checkpoint, ValueError if it is of another network or, with
    zero_offsets, if the network has no offsets.
    """
    if file and epoch:
        raise ValueError(f"--params {file}: a file is no epoch of the run, expected no --epoch beside it, got {epoch}")
    path, epoch = (file, 0) if file else parameters_of(cfg, epoch)
    if file and not file.is_file():
        raise FileNotFoundError(f"--params {file}: no such file")
    content = path.read_bytes()  # once: what is told is what was taken, whoever writes there meanwhile
    arg, aux = params.loads(path, content)
    params.check_numbers(path, arg, aux)
    if zero_offsets and not set_offsets_zero(arg, system.layers(cfg)):
        raise ValueError(f"--zero_offsets: the network {cfg.symbol} has no offsets")
    try:
        made = system.predictor(cfg, open_engine(cfg), arg, aux)
    except ValueError as error:
        raise ValueError(f"{path} does not fit {cfg.symbol} of {cfg.run.name}: {error}") from None
    made.path, made.digest, made.epoch = path, checkpoint.digest_of(content), epoch
    return made


def parameters_of(cfg, epoch: int = 0) -> tuple[Path, int]:
    """The .params file and the number of an epoch, see `predictor`."""
    complete = checkpoint.complete_epochs(prefix(cfg))
    epoch = epoch or cfg.TEST.test_epoch or (complete or [0])[-1]
    try:
        return checkpoint.find(prefix(cfg), epoch), epoch
    except FileNotFoundError as error:
        hint = "" if complete else f"; train first (./train.sh {cfg.run.name}), or give --params FILE"
        raise FileNotFoundError(f"{error}{hint}") from None
