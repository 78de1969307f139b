# SPDX-License-Identifier: Apache-2.0
"""The one shape of every command: PROGRAM CONFIG-or-RUN [key=value ...] [--options].

CONFIG is a YAML file or the name of one (quick_acn, deeplab/quick_acn); RUN is the folder of a run, or its name. The
form of earlier versions, --cfg CONFIG, stays valid.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from lib.config import ConfigError, is_setting
from lib.pictures.runs import Run, RunError, find_run, means_a_run
from lib.run.program import tell
from lib.system import System, find_config, load_system, read


def parser(program: str, text: str, takes: str = "CONFIG", more: bool = False) -> argparse.ArgumentParser:
    """A parser of CONFIG and settings. takes: what the first word may be. more: files may stand among the settings."""
    made = argparse.ArgumentParser(f"./{program}" if program.endswith(".sh") else f"python -m {program}",
                                   description=text)  # fmt: skip
    made.add_argument("--cfg", metavar="CONFIG", help="the same as the first word, as earlier versions had it")
    first = "a YAML file or the name of one in experiments/*/cfgs"
    first += "; or the folder of a run, or its name" if "RUN" in takes else ""
    files = " [FILE ...]" if more else ""
    made.add_argument("words", nargs="*", metavar=f"{takes}{files} [key=value ...]",
                      help=f"{takes}: {first}; key=value: settings that replace those of the file")  # fmt: skip
    return made


def parse(made: argparse.ArgumentParser, arguments: list[str] | None, default: str = "") -> argparse.Namespace:
    """options.config, options.settings and options.files of what was typed."""
    options = made.parse_intermixed_args(arguments)
    settings: list[str] = []
    others: list[str] = []
    for word in options.words:
        (settings if is_setting(word) else others).append(word)
    for key, values in _twice(settings).items():
        tell(f"{key} is given {len(values)} times, {', then '.join(map(repr, values))}: the last counts", sys.stderr)
    first = options.cfg or (others.pop(0) if others else default)
    if not first:
        made.error("expected a configuration or a run as the first word")
    options.config, options.settings, options.files = first, settings, others
    return options


def path(text: str) -> Path:
    """The path that an option names; a leading ~ is the home folder."""
    return Path(text).expanduser()


def _twice(settings: list[str]) -> dict[str, list[str]]:
    """By key the values of every setting that is given more than once, and not the same each time."""
    found: dict[str, list[str]] = {}
    for key, _, value in (each.partition("=") for each in settings):
        found.setdefault(key, []).append(value)
    return {key: values for key, values in found.items() if len(set(values)) > 1}


def no_files(made: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """Ends with an error if there is a word which is no setting."""
    if options.files:
        made.error(f"expected key=value, got {' '.join(options.files)}")


def read_config_or_run(
    options: argparse.Namespace, run_first: bool = False, of: str = ""
) -> tuple[System, Any, Run | None]:
    """System, configuration and, if the first word is a trained run, that; its own settings then count.

    A name that both a configuration and runs have is the configuration's, or with `run_first` the run's, unless a
    setting says which run of the configuration is meant.
    of: the only system that the program serves; '' for every one. Raises ConfigError, RunError.
    """
    system, cfg, run = _read(options, run_first)
    if of and system.name != of:
        raise ConfigError(f"{options.config}: a configuration of {system.name}, expected one of {of}")
    return system, cfg, run


def _read(options: argparse.Namespace, run_first: bool) -> tuple[System, Any, Run | None]:
    text = options.config
    of_config = not run_first or any(map(means_a_run, options.settings))
    if is_config(text) and (of_config or not _is_run(text)):
        system, cfg = read(text, options.settings)
        return system, cfg, None
    try:
        run = find_run(text)
    except RunError as error:
        if Path(text).is_dir():
            raise
        raise RunError(f"{text} is neither a configuration nor a run. {error}") from None
    return load_system(run.system), run.settings(options.settings), run


def _is_run(text: str) -> bool:
    try:
        find_run(text)
    except RunError:
        return False
    return True


def is_config(text: str) -> bool:
    """Whether a word means a configuration: a YAML file, or the name of one."""
    if Path(text).is_dir():
        return False
    try:
        find_config(text)
    except ConfigError:
        return Path(text).suffix in (".yaml", ".yml")
    return True
