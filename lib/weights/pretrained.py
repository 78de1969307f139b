# SPDX-License-Identifier: Apache-2.0
"""The network that training starts from, and whether the configuration fits it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import yaml

from lib.config import ConfigError, as_dict
from lib.config.text_file import TextFileError, read_text
from lib.run import checkpoint, params


def read_pretrained(cfg) -> tuple[Path, dict[str, np.ndarray], dict[str, np.ndarray]]:
    """(path, arguments, auxiliary states) of network.pretrained, network.pretrained_epoch.

    A file from `lib.weights.convert` has its settings beside it, <name>.yaml: other strides or pixel values than those
    it was trained with would go unnoticed and cost accuracy. Raises ConfigError listing those that differ, or telling
    where such a file comes from if there is none.
    """
    try:
        path = checkpoint.find(Path(cfg.network.pretrained), cfg.network.pretrained_epoch)
    except FileNotFoundError as error:
        raise ConfigError(
            f"network.pretrained: {error}; python -m lib.weights.convert makes one (docs/weights.md), "
            "network.pretrained='' trains from random values"
        ) from None
    beside = path.with_suffix(".yaml")
    if beside.is_file():
        check_settings(cfg, beside)
    arg, aux = params.load(path)
    try:
        params.check_numbers(path, arg, aux)
    except ValueError as error:
        raise ConfigError(f"network.pretrained: {error}") from None
    return path, arg, aux


def take_pretrained(cfg, engine) -> tuple[Path, list[str]]:
    """Gives the backbone in `engine` the values of `read_pretrained`; head and offset branches keep theirs.

    Gives the path and the names in the file that were not used (its classifier). Raises ValueError, and changes
    nothing, if a parameter of the backbone is missing or has another shape.
    """
    path, arg, aux = read_pretrained(cfg)
    wanted = [name for name, rule in engine.network.rules.items() if rule.pretrained]
    held = engine.parameters(wanted)
    problems = []
    for part, given in zip(held, (arg, aux)):
        for name, value in part.items():
            if name not in given:
                problems.append(f"{name} is missing")
            elif given[name].shape != value.shape:
                problems.append(f"{name} has shape {given[name].shape}, expected {value.shape}")
    if problems:
        raise ValueError(f"{path}: not the backbone of this network: {'; '.join(problems)}")
    engine.load(*({name: given[name] for name in part} for part, given in zip(held, (arg, aux))))
    return path, sorted((set(arg) | set(aux)) - set(wanted))


def begin(cfg, engine, log, words: str = "goes on from") -> bool:
    """Gives a new run's network the values of network.pretrained, if it is set, and tells in the log where it begins.

    words: before the path. Gives whether it is set.
    """
    if not cfg.network.pretrained:
        log.info("training from random initial values (network.pretrained is empty)")
        return False
    path, unused = take_pretrained(cfg, engine)
    log.info("%s %s%s", words, path, f"; not used: {', '.join(unused)}" if unused else "")
    return True


def begin_backbone(cfg, engine, log) -> None:
    """The same of a network on a backbone that another one has trained."""
    if not begin(cfg, engine, log, "pretrained parameters from") and not cfg.net.train_bn:
        log.info("net.train_bn=false: batch norm keeps mean 0 and variance 1, deep networks will diverge from these")


def check_settings(cfg, beside: Path) -> None:
    """Raises ConfigError unless the configuration says all that the YAML file says."""
    have = as_dict(cfg)
    try:
        wanted = yaml.safe_load(read_text(beside))
    except (yaml.YAMLError, TextFileError) as error:
        raise ConfigError(f"{beside}: damaged ({error}); convert the weights again") from None
    if not isinstance(wanted, dict) or not all(isinstance(each, dict) for each in wanted.values()):
        raise ConfigError(f"{beside}: damaged (no sections and keys); convert the weights again")
    wrong = [
        f"{section}.{key}: {beside} needs {value}, the configuration has {have.get(section, {}).get(key)}"
        for section, keys in wanted.items()
        for key, value in keys.items()
        if have.get(section, {}).get(key) != value
    ]
    if wrong:
        raise ConfigError("\n".join(wrong))
