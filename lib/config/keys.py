# SPDX-License-Identifier: Apache-2.0
"""Says which keys exist, and for one that does not, which one was probably meant."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from difflib import get_close_matches
from functools import cache
from typing import get_args, get_origin, get_type_hints

from lib.config.schema import ConfigError

WORDS = {list: "a list", str: "text", bool: "true or false", int: "a whole number", float: "a number"}


@cache
def _hints(kind: type) -> dict:
    return get_type_hints(kind)


def check_keys(node: dict, source: str, defaults) -> None:
    """Raises ConfigError listing every key of `node`, at any depth, that `defaults`, a configuration, does not have,
    and every one that has a section or a list where it must not, or none where it must."""
    wrong = list(_wrong(node, defaults, "", defaults))
    if wrong:
        raise ConfigError("\n".join(f"{source}: {text}" for text in wrong))


def _wrong(node: dict, section, prefix: str, whole):
    valid = [entry.name for entry in fields(section)]
    kind: type = type(section)
    for key, value in node.items():
        if key not in valid:
            yield f"unknown key {prefix}{key}; {_nearest(str(key), valid, prefix, whole)}"
            continue
        below = getattr(section, key)
        if is_dataclass(below):
            if isinstance(value, dict):
                yield from _wrong(value, below, f"{prefix}{key}.", whole)
            else:
                yield f"{prefix}{key} is a section: expected keys below it, got {value!r}"
        elif isinstance(value, dict):
            yield f"{prefix}{key} is a value: expected {WORDS[type(below)]}, got the section {value!r}"
        else:
            yield from _lists(value, _hints(kind)[key], f"{prefix}{key}")


def _lists(value, kind, key: str):
    """OmegaConf takes lists of lists for lists of numbers, and tells of what is no list in its own words."""
    if isinstance(value, str) and "${" in value:  # the value of another key
        return
    if isinstance(value, list) and get_origin(kind) is list:
        for number, each in enumerate(value):
            yield from _lists(each, get_args(kind)[0], f"{key}[{number}]")
    elif isinstance(value, (list, dict)) or get_origin(kind) is list:
        yield f"{key}: expected {WORDS[get_origin(kind) or kind]}, got {value!r}"


def _nearest(key: str, valid: list[str], prefix: str, whole) -> str:
    here = {name.lower(): prefix + name for name in valid}
    everywhere = {}
    for entry in fields(whole):
        everywhere[entry.name.lower()] = entry.name
        below = getattr(whole, entry.name)
        if is_dataclass(below):
            everywhere.update({each.name.lower(): f"{entry.name}.{each.name}" for each in fields(below)})
    for names in (here, everywhere):
        close = get_close_matches(key.lower(), names, n=1, cutoff=0.7)
        if close:
            return f"did you mean {names[close[0]]}?"
    return f"valid here: {', '.join(valid)}"
