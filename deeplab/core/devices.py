# SPDX-License-Identifier: Apache-2.0
"""Where a run computes: checks the settings MXNET_VERSION and gpus against what is installed and present."""

from __future__ import annotations

import mxnet as mx

from deeplab.config import ConfigError


def contexts(cfg) -> list[mx.Context]:
    """The devices of cfg.gpus: '0,2' gives two GPUs, '' the CPU, as run.cpus contexts.

    Raises ConfigError for a GPU that is not there.
    """
    if not cfg.gpus.strip():
        return [mx.cpu(number) for number in range(cfg.run.cpus)]
    wanted = [int(part) for part in cfg.gpus.split(",")]
    present = mx.context.num_gpus()
    missing = [number for number in wanted if number >= present]
    if missing:
        seen = f"{present} GPU(s), numbered from 0" if present else "no GPU"
        raise ConfigError(f"gpus: {cfg.gpus!r} asks for GPU {missing[0]}, but MXNet {mx.__version__} sees {seen}; "
                          "gpus='' computes on the CPU")  # fmt: skip
    return [mx.gpu(number) for number in wanted]


def check_version(cfg) -> None:
    """Raises ConfigError if cfg.MXNET_VERSION names a version that is not the installed one."""
    wanted = cfg.MXNET_VERSION.strip()
    if wanted not in ("", "mxnet", mx.__version__):
        raise ConfigError(f"MXNET_VERSION: {wanted!r} asked for, MXNet {mx.__version__} is installed; "
                          "'' or 'mxnet' takes whatever is installed")  # fmt: skip
