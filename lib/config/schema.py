# SPDX-License-Identifier: Apache-2.0
"""What a system says of its configuration: a dataclass of sections, and which values fit."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field


class ConfigError(ValueError):
    """A configuration cannot be used. The text names the file or override, the full key, what came and what fits."""


@dataclass(frozen=True)
class Ranges:
    """Values that fit, by key. choices: these alone. why: the reason of a choice. at_least: numbers from this on.
    names: of files and folders, without '/'. paths: in which a leading ~ means the home folder."""

    choices: dict[str, tuple] = field(default_factory=dict)
    why: dict[str, str] = field(default_factory=dict)
    at_least: dict[str, float] = field(default_factory=dict)
    names: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()


@dataclass(frozen=True)
class Schema:
    """config: the dataclass, which inherits from `sections.Common`. ranges: of its own keys; those of the common
    sections are known. wrong: what else is wrong with a configuration, a sentence for each."""

    config: type
    ranges: Ranges = field(default_factory=Ranges)
    wrong: Callable[[object], Iterable[str]] = lambda cfg: ()
