# SPDX-License-Identifier: Apache-2.0
"""Reads configurations: BASE files, the file itself, what is laid OVER it, `key=value` overrides; all checked alike."""

from __future__ import annotations

import re
from copy import deepcopy
from dataclasses import asdict
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from lib.config.keys import check_keys
from lib.config.node import read_node, read_setting
from lib.config.over import look_up, over_file, still_so
from lib.config.schema import ConfigError, Schema
from lib.config.text_file import TextFileError, read_text
from lib.config.texts import expand_home
from lib.config.values import COMMON, check_values, normal_scales


def load(schema: Schema, path: str | Path, overrides: list[str] | tuple[str, ...] = ()):
    """Gives the configuration of a YAML file, an object of `schema.config`.

    overrides: `section.key=value`, as typed on a command line; of a key given twice the last one counts.
    Text is taken as it is written, in files and on the command line: `lr_step: 007` is '007' (see `node`).
    `run.name` is the file's stem unless it is set. A leading ~ of a path is the home folder. A value may refer to
    another one: ${run.seed} is what run.seed is in the end; \\${run.seed} is that text itself.
    Raises ConfigError naming the file (or the override), the full key and, for an unknown key, the nearest valid one.
    """
    path, defaults = Path(path), schema.config()
    files, typed = _files(path, (), defaults), _overrides(overrides, defaults)
    _refuse(typed, ("BASE", "SCALED"), "a file says it")
    merged = _structured(schema.config)
    scaled: list[tuple[str, object, object]] = []
    for source, node in files:
        _merge(merged, source, node, defaults)
    over = over_file(path, files, typed)
    for source, node in _files(over, (), defaults) if over else ():
        node, changes = look_up(node, merged, defaults, source)
        _merge(merged, source, node, defaults)
        scaled += changes
    laid = deepcopy(merged) if scaled else merged
    for source, node in typed:
        _merge(merged, source, node, defaults)
    try:
        cfg: Any = OmegaConf.to_object(merged)  # a schema.config
    except OmegaConfBaseException as error:
        raise ConfigError(f"{path}: {_told(error)}") from None
    cfg.SCALED = still_so(scaled, laid, merged)
    cfg.run.name = cfg.run.name or path.stem
    expand_home(cfg, (*COMMON.paths, *schema.ranges.paths))
    check_values(schema, cfg, str(path))
    return cfg


def _structured(kind: type):
    """The defaults, as OmegaConf holds them; a copy takes a quarter of the time that making it does."""
    return deepcopy(_made(kind))


@cache
def _made(kind: type):
    return OmegaConf.structured(kind)


def _merge(merged, source: str, node: dict, defaults) -> None:
    """Lays `node` over `merged` in place: a ledger reads a hundred configurations of five files each."""
    normal_scales(node, source)
    check_keys(node, source, defaults)
    try:
        OmegaConf.unsafe_merge(merged, OmegaConf.create(node))
    except OmegaConfBaseException as error:
        raise ConfigError(f"{source}: {_told(error)}") from None


def _told(error) -> str:
    return f"{error.full_key}: {str(error.msg or error).splitlines()[0]}"


def load_dict(schema: Schema, content: dict, source: str, overrides: list[str] | tuple[str, ...] = ()):
    """The configuration that `as_dict` gave, as a run keeps it. source: named in errors. overrides: as in `load`."""
    defaults = schema.config()
    merged = _structured(schema.config)
    _merge(merged, source, _literal(content), defaults)
    typed = _overrides(overrides, defaults)
    _refuse(typed, ("BASE", "OVER", "SCALED"), "the files of this configuration were read when it was kept")
    for each, node in typed:
        _merge(merged, each, node, defaults)
    try:
        cfg = OmegaConf.to_object(merged)
    except OmegaConfBaseException as error:
        raise ConfigError(f"{source}: {_told(error)}") from None
    expand_home(cfg, (*COMMON.paths, *schema.ranges.paths))
    check_values(schema, cfg, source)
    return cfg


def _literal(node):
    """Plain data whose texts are no references, as OmegaConf writes them."""
    if isinstance(node, dict):
        return {key: _literal(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_literal(value) for value in node]
    return re.sub(r"(\\*)\$\{", r"\1\1\\${", node) if isinstance(node, str) else node


def as_dict(cfg) -> dict:
    """The configuration as plain dictionaries, in the order of the schema."""
    return asdict(cfg)


def _files(path: Path, above: tuple[Path, ...], defaults) -> list[tuple[str, dict]]:
    """The file and, before it, those it is based on, as (name, content)."""
    if path.resolve() in above:
        raise ConfigError(f"{path}: BASE leads back to this file")
    node = read_file(path, defaults)
    base = node.get("BASE") or ""
    if not isinstance(base, str):
        raise ConfigError(f"{path}: BASE: expected the path of a YAML file, got {base!r}")
    bases = _files(path.parent / Path(base).expanduser(), (*above, path.resolve()), defaults) if base else []
    return [*bases, (str(path), node)]


def read_file(path: Path, section) -> dict:
    """The content of one YAML file, by the kinds of the dataclass `section`; keys it does not have are kept as text."""
    if not path.is_file():
        found = ", ".join(sorted(other.name for other in path.parent.glob("*.yaml"))) or "no YAML file"
        raise ConfigError(f"configuration {path} does not exist; {path.parent} has {found}")
    try:
        text = read_text(path)
    except TextFileError as error:
        raise ConfigError(f"{error} (a configuration is YAML)") from None
    kind: type = type(section)
    return deepcopy(_read(text, str(path), kind))


@lru_cache(256)
def _read(text: str, source: str, kind: type) -> dict:
    """Of a text that was read before, what it held: many files are based on the same few."""
    return read_node(text, source, kind())


def is_setting(word: str) -> bool:
    """Whether a word of a command line is key=value, and not the path of something whose name has a = in it."""
    try:
        return "=" in word and not Path(word).exists()
    except OSError:  # longer than any name can be
        return True


def _refuse(typed, keys: tuple[str, ...], why: str) -> None:
    """Raises ConfigError for a key that would have no effect on the command line."""
    for source, node in typed:
        for key in node:
            if key in keys:
                raise ConfigError(f"{source}: {key}: cannot be set here: {why}")


def _overrides(texts, defaults) -> list[tuple[str, dict]]:
    nodes = []
    for text in texts:
        source = f"command line: {text}"
        key, separator, value = text.partition("=")
        if not separator or not key:
            raise ConfigError(f"{source}: expected section.key=value, for example TRAIN.lr=0.001")
        nodes.append((source, read_setting(key, value, source, defaults)))
    return nodes
