# SPDX-License-Identifier: Apache-2.0
"""Where MXNet computes: checks the settings gpus and MXNET_VERSION against what is installed and present."""

from __future__ import annotations

import mxnet as mx

from lib.config import ConfigError


def contexts(gpus: str, cpus: int) -> list[mx.Context]:
    """The devices of the setting gpus: '0,2' gives two GPUs, '' the CPU, as `cpus` contexts.

    Raises ConfigError for a GPU that is not there.
    """
    if not gpus.strip():
        return [mx.cpu(number) for number in range(cpus)]
    wanted = [int(part) for part in gpus.split(",")]
    present = mx.context.num_gpus()
    missing = [number for number in wanted if number >= present]
    if missing:
        seen = f"{present} GPU(s), numbered from 0" if present else "no GPU"
        raise ConfigError(f"gpus: {gpus!r} asks for GPU {missing[0]}, but MXNet {mx.__version__} sees {seen}; "
                          "gpus='' computes on the CPU, engine=torch on GPUs that MXNet does not serve")  # fmt: skip
    return [mx.gpu(number) for number in wanted]


def check_version(wanted: str) -> None:
    """Raises ConfigError if the setting MXNET_VERSION names a version that is not the installed one."""
    wanted = wanted.strip()
    if wanted not in ("", "mxnet", mx.__version__):
        raise ConfigError(f"MXNET_VERSION: {wanted!r} asked for, MXNet {mx.__version__} is installed; "
                          "'' or 'mxnet' takes whatever is installed")  # fmt: skip
