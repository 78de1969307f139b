# SPDX-License-Identifier: Apache-2.0
"""What each configuration comes to, asked of `python -m deeplab.config`, and whether a run was made with just that."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import lru_cache
from pathlib import Path

from experiments.report.published import TWIN

DATA = ("cityscapes", "stand-in")

# Settings in which runs of one line may differ: where files are, which seed, how many threads, which devices.
FREE = (
    *("BASE", "OVER", "SCALED", "MXNET_VERSION", "output_path", "gpus", "default.", "network.pretrained"),
    *("dataset.dataset_path", "dataset.root_path", "dataset.streets.seed", "TRAIN.begin_epoch", "TRAIN.RESUME"),
    *("TRAIN.model_prefix", "TEST.", "run.seed", "run.threads", "run.name"),
)

# Settings that only active convolutions read: in other networks they mean nothing.
ACTIVE_ONLY = ("net.normalize_grad", "net.offset_lr_rate")


def overlay(data: str) -> list[str]:
    """The arguments that make a configuration's run one on `data`."""
    return [f"OVER={TWIN}"] if data == "stand-in" else []


def resolve(paths: list[Path], data: str, *settings: str) -> dict[str, dict]:
    """{file's stem: configuration} of all paths, for runs on `data`. Raises RuntimeError with the command's error."""
    found = _ask(*map(str, paths), *overlay(data), *settings)
    return {Path(path).stem: config for path, config in found.items()}


def differences(expected: dict, found: dict) -> list[str]:
    """`key: expected -> found` for every setting that a run of the line must share and does not.

    Which GPUs are used may differ, how many may not: they divide one batch. A key that was introduced after the run
    does not count where its value is the default, which is what the run did.
    """
    old, new = ({**_flat(each), "number of GPUs": _count(each["gpus"])} for each in (expected, found))
    new = {**{key: value for key, value in _defaults().items() if key in old}, **new}
    free = FREE if old["symbol"].endswith("_acn") else (*FREE, *ACTIVE_ONLY)
    keys = [key for key in {**old, **new} if not key.startswith(free)]
    return [f"{key}: {old.get(key)} -> {new.get(key)}" for key in keys if old.get(key) != new.get(key)]


@lru_cache(maxsize=1)
def _defaults() -> dict:
    return _flat(_ask()["defaults"])


def _ask(*arguments: str) -> dict[str, dict]:
    command = [sys.executable, "-m", "deeplab.config", *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr.strip() or f"{' '.join(command)} ended with status {done.returncode}")
    return json.loads(done.stdout)


def representatives(configs: dict[str, dict]) -> dict[str, str]:
    """For each configuration the first one that comes to the same: scaled down, neighbours on an axis can coincide.

    One run then stands for all of them, for a second one would repeat it bit for bit.
    """
    chosen: dict[str, str] = {}
    for name, config in configs.items():
        chosen[name] = next((each for each in set(chosen.values()) if not differences(configs[each], config)), name)
    return chosen


def _count(gpus: str) -> int:
    return len(gpus.split(",")) if gpus else 0


def _flat(tree: dict, above: str = "") -> dict:
    flat = {}
    for key, value in tree.items():
        flat.update(_flat(value, f"{above}{key}.") if isinstance(value, dict) else {above + key: value})
    return flat
