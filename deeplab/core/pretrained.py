# SPDX-License-Identifier: Apache-2.0
"""The network that training starts from, and whether the configuration fits it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import yaml

from deeplab.config import ConfigError, as_dict
from deeplab.core import checkpoint, params


def read_pretrained(cfg) -> tuple[Path, dict[str, np.ndarray], dict[str, np.ndarray]]:
    """(path, arguments, auxiliary states) of network.pretrained, network.pretrained_epoch.

    A file from `deeplab.convert` has its settings beside it, <name>.yaml: other strides or pixel values than those it
    was trained with would go unnoticed and cost accuracy. Raises ConfigError listing those that differ.
    """
    path = checkpoint.find(Path(cfg.network.pretrained), cfg.network.pretrained_epoch)
    beside = path.with_suffix(".yaml")
    if beside.is_file():
        check_settings(cfg, beside)
    return path, *params.load(path)


def check_settings(cfg, beside: Path) -> None:
    """Raises ConfigError unless the configuration says all that the YAML file says."""
    wanted, have = yaml.safe_load(beside.read_text(encoding="utf-8")), as_dict(cfg)
    wrong = [
        f"{section}.{key}: {beside} needs {value}, the configuration has {have.get(section, {}).get(key)}"
        for section, keys in wanted.items()
        for key, value in keys.items()
        if have.get(section, {}).get(key) != value
    ]
    if wrong:
        raise ConfigError("\n".join(wrong))
