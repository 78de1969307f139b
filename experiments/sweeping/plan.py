# SPDX-License-Identifier: Apache-2.0
"""Reads the YAML file of a sweep and lists its trials.

base: quick_acn                           # a configuration: a file, or the name of one in experiments/*/cfgs
set: [TRAIN.end_epoch=4]                  # key=value for every trial
axes:                                     # every combination of these is a trial
  net.offset_lr_rate: [1, 0.1]
  run.seed: [1, 2]
also:                                     # and so is each of these, again with each value of the `average` axis
  - {net.offset_lr_rate: 0.05, run.offset_warmup_epochs: 1}
average: run.seed                         # the axis whose values only repeat a trial; the plot averages over it
metric: value                             # what table and plot show: a number of results.json or one of its parts
resources: {cpus: 1, gpus: 0}             # of one trial; its threads are as many as its CPUs
retries: 0                                # how often a trial that fails is started again
command: ./train.sh                       # run as `command CONFIG key=value ...` in the project's folder
output: output/sweeps                     # everything goes to <output>/<name of the sweep's file>
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

import yaml

from lib.config import ConfigError
from lib.config.text_file import TextFileError, read_text
from lib.system import ROOT, find_config, read

DEFAULTS = {
    "base": None, "set": [], "axes": {}, "also": [], "average": "", "metric": "value",
    "resources": {"cpus": 1, "gpus": 0}, "retries": 0, "command": "./train.sh", "output": "output/sweeps",
}  # fmt: skip
OURS = ("run.name", "output_path")  # what the sweep itself sets


class SweepError(ValueError):
    """A sweep's file cannot be used. The text names the file, the key, what came and what was expected."""


@dataclass(frozen=True)
class Trial:
    """One training. name: unique among all settings, also of other versions of the sweep. point: its own settings."""

    name: str
    point: dict
    command: tuple[str, ...]
    folder: str


@dataclass(frozen=True)
class Sweep:
    """A sweep's file, checked.

    keys: every setting that some trial has of its own, in the order of the file. trials: all points at the first value
    of the `average` axis, then at the next, so that a sweep cut short has whole series.
    """

    name: str
    folder: Path
    keys: tuple[str, ...]
    average: str
    metric: str
    cpus: float
    gpus: int
    retries: int
    trials: tuple[Trial, ...]


def read_sweep(path: str | Path) -> Sweep:
    """Raises SweepError for a file that is no sweep, with everything that is wrong with it."""
    path = Path(path)
    node = {**DEFAULTS, **_read(path, as_written=True)}
    _check(node, path)
    base = _base(node["base"], path)
    folder = ROOT / node["output"] / path.stem
    points = _points(node)
    keys = tuple(dict.fromkeys(key for point in points for key in point))
    gpus = node["resources"].get("gpus", 0)
    fixed = [*node["set"], *([f"gpus='{','.join(map(str, range(gpus)))}'"] if gpus else [])]
    of_base = _content(base)
    trials = []
    for point in points:
        settings = [*fixed, *(f"{key}={_text(value)}" for key, value in point.items())]
        laid_over = [_laid_over(base.parent / over, path) for over in map(_overlay, settings) if over]
        name = _name(point, [of_base, settings, node["command"], *laid_over])
        ours = [f"output_path={folder}", f"run.name={name}"]
        command = (*shlex.split(node["command"]), str(base), *settings, *ours)
        trials.append(Trial(name, point, command, str(folder / name)))
    return Sweep(path.stem, folder, keys, node["average"], node["metric"], node["resources"].get("cpus", 1), gpus,
                 node["retries"], tuple(trials))  # fmt: skip


def check_settings(sweep: Sweep, path: str | Path) -> None:
    """Raises SweepError for settings that the configuration does not take, before any trial begins.

    A command other than ./train.sh may have settings of its own; it is not asked.
    """
    told: dict[str, None] = {}
    for trial in sweep.trials:
        program, config, *settings = trial.command
        if program != DEFAULTS["command"]:
            return
        try:
            read(config, settings)
        except ConfigError as error:
            told.update(dict.fromkeys(str(error).splitlines()))
    if told:
        raise SweepError("\n".join(f"{path}: {text}" for text in told))


class _AsWrittenSafeLoader(yaml.SafeLoader):
    """Takes for a number or truth value what configurations and JSON alike take for one. All else that YAML knows, 010
    (eight), 1:30 (ninety), no, dates, stays the text that a trial's command line is given. Keys stand once."""

    yaml_implicit_resolvers: dict = {}

    def construct_mapping(self, node, deep=False):
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                told = f"found the key {key.value} twice"
                raise yaml.constructor.ConstructorError("in a mapping", node.start_mark, told, key.start_mark)
            seen.add(key.value if isinstance(key, yaml.ScalarNode) else None)
        return super().construct_mapping(node, deep)


_FORMS = {
    "bool": "true|True|TRUE|false|False|FALSE",
    "null": "~|null|Null|NULL|",
    "int": "[-+]?(0|[1-9][0-9_]*)",
    "float": r"([-+]?[0-9][0-9_]*\.[0-9_]*|\.[0-9][0-9_]*)([eE][-+][0-9]+)?",
    "merge": "<<",
}
for _tag, _form in _FORMS.items():
    _AsWrittenSafeLoader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_form})$"), None)


def _read(path: Path, as_written: bool = False) -> dict:
    try:
        text = read_text(path)
        node = yaml.load(text, Loader=_AsWrittenSafeLoader) if as_written else yaml.safe_load(text)
    except OSError as error:
        raise SweepError(f"{path}: {error.strerror}") from None
    except TextFileError as error:
        raise SweepError(str(error)) from None
    except yaml.YAMLError as error:
        raise SweepError(f"{path}: not valid YAML: {error}") from None
    if not isinstance(node, dict):
        raise SweepError(f"{path}: expected keys ({', '.join(DEFAULTS)}), got {node!r}")
    return node


def _check(node: dict, path: Path) -> None:
    wrong = [f"unknown key {key}; valid: {', '.join(DEFAULTS)}" for key in node if key not in DEFAULTS]
    expected = {"base": str, "set": list, "axes": dict, "also": list, "average": str, "metric": str,
                "resources": dict, "retries": int, "command": str, "output": str}  # fmt: skip
    wrong += [f"{key}: expected {kind.__name__}, got {node[key]!r}"
              for key, kind in expected.items() if not isinstance(node[key], kind)]  # fmt: skip
    if not wrong:
        wrong += [f"axes.{key}: expected a list of values, got {values!r}"
                  for key, values in node["axes"].items() if not isinstance(values, list) or not values]  # fmt: skip
        wrong += [f"{where}.{key}: expected single values, got {value!r}; a list can stand in set or in a BASE file"
                  for where, key, value in _own(node) if isinstance(value, (list, dict))]  # fmt: skip
        wrong += [f"also: expected {{key: value}}, got {one!r}" for one in node["also"] if not isinstance(one, dict)]
        wrong += [f"set: expected key=value, got {one!r}" for one in node["set"] if "=" not in str(one)[1:]]
        wrong += [f"resources: unknown key {key}; valid: cpus, gpus" for key in node["resources"]
                  if key not in ("cpus", "gpus")]  # fmt: skip
        wrong += [f"resources.{key}: expected a number, at least {least}, got {value!r}"
                  for key, value, least in (("cpus", node["resources"].get("cpus", 1), 1),
                                            ("gpus", node["resources"].get("gpus", 0), 0))
                  if not isinstance(value, int) or value < least]  # fmt: skip
        if not node["axes"] and not node["also"]:
            wrong.append("axes: expected at least one axis")
        if node["average"] and node["average"] not in node["axes"]:
            wrong.append(f"average: {node['average']!r} is no axis; axes: {', '.join(node['axes'])}")
        wrong += [f"also: {node['average']}: each of these has all of the axis's values, expected none, got {one!r}"
                  for one in node["also"] if isinstance(one, dict) and node["average"] in one]  # fmt: skip
        wrong += [f"retries: expected at least 0, got {node['retries']}"] if node["retries"] < 0 else []
        keys = [*node["axes"], *(key for one in node["also"] if isinstance(one, dict) for key in one),
                *(str(one).partition("=")[0] for one in node["set"])]  # fmt: skip
        wrong += [f"{key}: the sweep sets it itself" for key in keys if key in OURS]
        wrong += [f"{key!r}: expected the name of a setting" for key in keys if not isinstance(key, str)]
    if wrong:
        raise SweepError("\n".join(f"{path}: {text}" for text in wrong))


def _own(node: dict):
    """(axes or also, key, value) of every value that a trial can have of its own."""
    for key, values in node["axes"].items():
        yield from (("axes", key, value) for value in (values if isinstance(values, list) else []))
    for one in node["also"]:
        yield from (("also", key, value) for key, value in (one.items() if isinstance(one, dict) else []))


def _base(text: str, sweep: Path) -> Path:
    """The configuration's file; a path may be relative to the sweep or to the project."""
    for path in (sweep.parent / text, ROOT / text):
        if path.is_file():
            return path.resolve()
    try:
        return find_config(text).resolve()
    except ConfigError as error:
        raise SweepError(f"{sweep}: base: {error}") from None


def _points(node: dict) -> list[dict]:
    grid = [dict(zip(node["axes"], values)) for values in itertools.product(*node["axes"].values())]
    repeats = [{node["average"]: value} for value in node["axes"][node["average"]]] if node["average"] else [{}]
    grid += [{**one, **repeat} for one in node["also"] for repeat in repeats]
    grid.sort(key=lambda point: [repeat.items() <= point.items() for repeat in repeats].index(True))
    return list({json.dumps(point, sort_keys=True): point for point in grid}.values())


def _content(path: Path, seen: tuple[Path, ...] = ()) -> list:
    """A configuration and the files it stands on, without comments: what else than the settings makes a trial."""
    node = _read(path)
    below = [path.parent / Path(node[key]).expanduser() for key in ("BASE", "OVER")
             if node.get(key) and isinstance(node[key], str)]  # fmt: skip
    return [node, *(_content(other.resolve(), (*seen, path)) for other in below if other.resolve() not in seen)]


def _laid_over(overlay: Path, sweep: Path) -> list:
    try:
        return _content(overlay)
    except SweepError as error:
        raise SweepError(f"{sweep}: OVER: {error}") from None


def _overlay(setting: str) -> str:
    """The file that a setting lays over the configuration, whose content makes the trial, too; '' if it does not."""
    key, _, value = str(setting).partition("=")
    return os.path.expanduser(value.strip("'\"")) if key == "OVER" else ""


def _name(point: dict, identity: list) -> str:
    """Readable, and different whenever anything differs that makes the trial what it is."""
    short = "_".join(f"{key.rpartition('.')[2]}-{re.sub('[^A-Za-z0-9.+-]+', '', str(point[key]))}" for key in point)
    digest = hashlib.sha256(json.dumps([point, identity], sort_keys=True, default=str).encode()).hexdigest()
    return f"{short[:80]}-{digest[:6]}"


def _text(value) -> str:
    """A value as the command line takes it."""
    return value if isinstance(value, str) else json.dumps(value)
