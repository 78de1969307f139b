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

from deeplab.config.keys import ConfigError


def over_file(path: Path, sources: list[tuple[str, dict]]) -> Path | None:
    """The file that OVER names, relative to the configuration `path`; of several sources the last one counts."""
    name = next((node["OVER"] for _, node in reversed(sources) if "OVER" in node), None)
    if name is not None and not isinstance(name, str):
        raise ConfigError(f"{path}: OVER: expected the path of a YAML file, got {name!r}")
    return path.parent / name if name else None


def look_up(node: dict, merged, section, source: str, above: str = "") -> tuple[dict, list[str]]:
    """`node` with each table replaced by its entry for the present value, and `key: old -> new` for what that changed.

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
            changes += [f"{full}: {present} -> {value}"] if value != present else []
        plain[key] = value
    return plain, changes
