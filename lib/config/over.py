# SPDX-License-Identifier: Apache-2.0
"""OVER: one file laid over many experiments, which makes the small twin of each.

Its values replace those of the experiment. Where every experiment has its own value, a table says what becomes of it:

    net:
      res5_dilate: {2: 1, 3: 2, 4: 2}    # 3 becomes 2; an experiment with 7 is an error, for nothing says what fits
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from pathlib import Path

from omegaconf import OmegaConf

from lib.config.schema import ConfigError


def over_file(path: Path, files: list[tuple[str, dict]], typed: list[tuple[str, dict]]) -> Path | None:
    """The file that OVER names; of several sources the last one counts.

    files: of the configuration `path`, itself and what it is based on: OVER is relative to the file it stands in.
    typed: of the command line, where it is relative to `path`.
    """
    sources = [*((Path(source).parent, source, node) for source, node in files),
               *((path.parent, source, node) for source, node in typed)]  # fmt: skip
    found = next((each for each in reversed(sources) if "OVER" in each[-1]), None)
    if found is None:
        return None
    place, source, node = found
    name = node["OVER"]
    if not isinstance(name, str):
        raise ConfigError(f"{source}: OVER: expected the path of a YAML file, got {name!r}")
    return place / Path(name).expanduser() if name else None


def still_so(changes: list[tuple[str, object, object]], laid, final) -> list[str]:
    """`key: old -> new` of those (key, old, new) that the command line has left so.

    laid, final: the configuration (OmegaConf) before and after the command line.
    """
    same = (OmegaConf.select(laid, key) == OmegaConf.select(final, key) for key, _, _ in changes)
    return [f"{key}: {old} -> {new}" for (key, old, new), kept in zip(changes, same) if kept]


def look_up(node: dict, merged, section, source: str, above: str = "") -> tuple[dict, list[tuple]]:
    """`node` with each table replaced by its entry for the present value, and (key, old, new) for what that changed.

    merged: the experiment so far (OmegaConf). section: the dataclass whose keys `node` holds.
    Raises ConfigError for a table without an entry for the present value.
    """
    plain, changes = {}, []
    known = {entry.name: getattr(section, entry.name) for entry in fields(section)}
    for key, value in node.items():
        full, below = f"{above}{key}", known.get(key)
        if isinstance(value, dict) and is_dataclass(below):
            value, inner = look_up(value, merged, below, source, f"{full}.")
            changes += inner
        elif isinstance(value, dict) and key in known:
            present = OmegaConf.select(merged, full)
            if present not in value:
                listed = ", ".join(map(str, value))
                raise ConfigError(f"{source}: {full}: the table has no entry for {present!r}, only for {listed}")
            value = value[present]
            changes += [(full, present, value)] if value != present else []
        plain[key] = value
    return plain, changes
