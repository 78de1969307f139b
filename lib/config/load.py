# SPDX-License-Identifier: Apache-2.0
"""Reads configurations: BASE files, the file itself, what is laid OVER it, `key=value` overrides; all checked alike."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import yaml
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from lib.config.keys import check_keys
from lib.config.over import look_up, over_file, still_so
from lib.config.schema import ConfigError, Schema
from lib.config.values import check_values, normal_scales


def load(schema: Schema, path: str | Path, overrides: list[str] | tuple[str, ...] = ()):
    """Gives the configuration of a YAML file, an object of `schema.config`.

    overrides: `section.key=value`, the value in YAML syntax, as typed on a command line.
    Numbers such as 5e-4, which YAML reads as text, count as numbers. `run.name` is the file's stem unless it is set.
    A value may refer to another one: ${run.seed} is what run.seed is in the end.
    Raises ConfigError naming the file (or the override), the full key and, for an unknown key, the nearest valid one.
    """
    path = Path(path)
    files, typed = _files(path, ()), _overrides(overrides)
    defaults = schema.config()
    merged, scaled = OmegaConf.structured(schema.config), []
    for source, node in files:
        merged = _merge(merged, source, node, defaults)
    over = over_file(path, files, typed)
    for source, node in _files(over, ()) if over else ():
        node, changes = look_up(node, merged, defaults, source)
        merged, scaled = _merge(merged, source, node, defaults), scaled + changes
    laid = merged
    for source, node in typed:
        merged = _merge(merged, source, node, defaults)
    try:
        cfg = OmegaConf.to_object(merged)
    except OmegaConfBaseException as error:
        raise ConfigError(f"{path}: {_told(error)}") from None
    cfg.SCALED = still_so(scaled, laid, merged)
    cfg.run.name = cfg.run.name or path.stem
    check_values(schema, cfg, str(path))
    return cfg


def _merge(merged, source: str, node: dict, defaults):
    check_keys(node, source, defaults)
    normal_scales(node, source)
    try:
        return OmegaConf.merge(merged, OmegaConf.create(node))
    except OmegaConfBaseException as error:
        raise ConfigError(f"{source}: {_told(error)}") from None


def _told(error) -> str:
    return f"{error.full_key}: {str(error.msg or error).splitlines()[0]}"


def load_dict(schema: Schema, content: dict, source: str, overrides: list[str] | tuple[str, ...] = ()):
    """The configuration that `as_dict` gave, as a run keeps it. source: named in errors. overrides: as in `load`."""
    merged = _merge(OmegaConf.structured(schema.config), source, content, schema.config())
    for each, node in _overrides(overrides):
        merged = _merge(merged, each, node, schema.config())
    cfg = OmegaConf.to_object(merged)
    check_values(schema, cfg, source)
    return cfg


def as_dict(cfg) -> dict:
    """The configuration as plain dictionaries, in the order of the schema."""
    return asdict(cfg)


def _files(path: Path, above: tuple[Path, ...]) -> list[tuple[str, dict]]:
    """The file and, before it, those it is based on, as (name, content)."""
    if path.resolve() in above:
        raise ConfigError(f"{path}: BASE leads back to this file")
    if not path.is_file():
        found = ", ".join(sorted(other.name for other in path.parent.glob("*.yaml"))) or "no YAML file"
        raise ConfigError(f"configuration {path} does not exist; {path.parent} has {found}")
    try:
        node = OmegaConf.to_container(OmegaConf.load(path))  # safe loading; a key that stands twice is an error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not valid YAML: {error}") from None
    except OSError:
        node = None
    if not isinstance(node, dict):
        raise ConfigError(f"{path}: expected sections and keys")
    base = node.get("BASE") or ""
    if not isinstance(base, str):
        raise ConfigError(f"{path}: BASE: expected the path of a YAML file, got {base!r}")
    bases = _files(path.parent / base, (*above, path.resolve())) if base else []
    return [*bases, (str(path), node)]


def _overrides(texts) -> list[tuple[str, dict]]:
    nodes = []
    for text in texts:
        source = f"command line: {text}"
        if "=" not in text[1:]:
            raise ConfigError(f"{source}: expected section.key=value, for example TRAIN.lr=0.001")
        text += "''" if text.endswith("=") else ""  # YAML would read nothing as null; here it means empty text
        try:
            nodes.append((source, OmegaConf.to_container(OmegaConf.from_dotlist([text]))))
        except (yaml.YAMLError, OmegaConfBaseException) as error:
            raise ConfigError(f"{source}: not a value in YAML syntax: {error}") from None
    return nodes
