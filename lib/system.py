# SPDX-License-Identifier: Apache-2.0
"""What a system is to the commands, and which system a configuration belongs to.

lib knows no system: a system is a package beside lib with a module `system` that holds SYSTEM. The commands find it by
the folder of experiments/ in which a configuration stands, or by the network that it names.
"""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np

from lib.config import ConfigError, Schema, load
from lib.config.load import read_file
from lib.config.sections import Common
from lib.run.program import tell

ROOT = Path(__file__).resolve().parents[1]


class System(ABC):
    """name: of its package. schema: of its configurations.

    `cfg` is always a configuration of this schema, `engine` an open `lib.engines.Engine`. What every system has stands
    in modules of the same names: task, predictor, evaluation, summary, rules, graphs.
    """

    name: str
    schema: Schema

    def _part(self, module: str) -> Any:
        """A module of the package. What loads MXNet is imported when asked for: the number of threads must be said
        before."""
        return importlib.import_module(f"{self.name}.{module}")

    def training(self, cfg, place):
        """The `lib.run.task.Task` of a training. place: `lib.run.task.Place` of this process."""
        return self._part("task").training(cfg, place)

    def predictor(self, cfg, engine, arg, aux):
        """What predicts with these parameters; `path` and `epoch` are set by the caller."""
        return self._part("predictor").Predictor(cfg, engine, arg, aux)

    def test_graph(self, cfg) -> str:
        """The graph of its network for testing, as text."""
        return self._part("graphs").graph(cfg, "test")

    def layers(self, cfg) -> list:
        """The `LookingLayer`s of its networks for testing."""
        from lib.looking.layers import looking_layers

        return looking_layers(self.test_graph(cfg))

    def evaluate(self, cfg, predictor, place: Path, ignore_cache: bool, log) -> dict:
        """Predicts and measures the test images. place: folder of what it writes. ignore_cache: predict all anew.

        Gives {"metric", "value", "images", "parts": {class or part: value}, ...}, plain data.
        """
        return self._part("evaluation").evaluate(cfg, predictor, place, ignore_cache, log)

    def hidden_test_set(self, cfg) -> str:
        """The image set whose truth only a benchmark's server has. Raises ConfigError where there is none."""
        raise ConfigError(f"--submission: no benchmark's server is known for what {self.name} is tested on")

    def submit(self, cfg, predictor, place: Path, log) -> Path:
        """Predicts cfg.dataset.test_image_set, without its truth, as that server takes it; gives the folder to send."""
        raise ConfigError(f"--submission: no benchmark's server is known for what {self.name} is tested on")

    @abstractmethod
    def draw(self, cfg, predictor, image: np.ndarray):
        """A PIL image that shows what the network sees in `image`, uint8 (h, w, 3) RGB."""

    def summary(self, cfg) -> Path:
        """Draws summary.png of a trained and evaluated run and gives its path; prints the run's numbers."""
        return self._part("summary").summary(cfg)

    def rules(self, cfg) -> dict:
        """The `lib.run.rules.Rule` of every parameter of the network for training."""
        return self._part("rules").rules_of(cfg, self._part("graphs").graph(cfg, "train"))

    def looker(self, cfg, predictor):
        """What the network does with a picture: `look(image, name, truth)` gives a `lib.looking.look.Look`."""
        raise ConfigError(f"pictures of {self.name} cannot be inspected pixel by pixel")

    def more_figures(self, cfg, predictor, image: np.ndarray, place) -> dict:
        """{file name: Matplotlib figure}: what `inspect` draws of this system alone. place: a pixel (y, x), or None."""
        return {}

    def truth_of(self, cfg, image: Path) -> np.ndarray | None:
        """Train ids (h, w) of a picture that lies in folders as the data set has them, or None."""
        return None

    def dataset(self, cfg):
        """The test images, for inspection: `records`, and `image(record)`, uint8 (h, w, 3) RGB."""
        raise ConfigError(f"pictures of {self.name} cannot be inspected pixel by pixel")

    def check_data(self, cfg, workers: int):
        """What is wrong with the data that cfg trains and tests on."""
        raise ConfigError(f"no check of data is known for what {self.name} is trained on")

    def prepare(self, cfg, log=tell) -> None:
        """Makes what a run needs and can be generated, such as its data set; nothing where all of it must be there."""
        return


def find_config(text: str) -> Path:
    """The configuration file of a path, or of a name: quick_acn, deeplab/quick_acn, report/acn_naive.

    Raises ConfigError that says what there is.
    """
    path = Path(text)
    if path.is_file():
        return path
    name = path.with_suffix("") if path.suffix == ".yaml" else path
    folders = sorted(ROOT.glob("experiments/*/cfgs"))
    found = [folder / f"{name}.yaml" for folder in folders]
    if len(name.parts) > 1:
        found += [ROOT / "experiments" / name.parts[0] / "cfgs" / f"{Path(*name.parts[1:])}.yaml"]
    found = list(dict.fromkeys(each for each in found if each.is_file()))
    if len(found) == 1:
        return found[0]
    if found:
        listed = ", ".join(f"{each.parents[1].name}/{name}" for each in found)
        raise ConfigError(f"configuration {text}: there are {listed}; say which")
    known = {
        str(each.relative_to(folder).with_suffix("")): each for folder in folders for each in folder.rglob("*.yaml")
    }
    near = get_close_matches(str(name), known, n=3, cutoff=0.5)
    guess = f"did you mean {', '.join(near)}?" if near else f"names: {', '.join(sorted(known))}"
    raise ConfigError(f"configuration {text} does not exist, neither as a file nor as a name in experiments/; {guess}")


def system_of(path: Path, overrides: Sequence[str] = ()) -> System:
    """The system of a configuration file with settings laid over it. Raises ConfigError if none is found."""
    path = path.resolve()
    for folder in path.parents:
        if folder.parent == ROOT / "experiments" and folder.name in systems():  # rfcn/ is named after a network
            return load_system(folder.name)
    typed = [text.partition("=")[2] for text in overrides if text.startswith("symbol=")]
    try:
        return load_system(named_by(typed[-1] if typed else _symbol(path, ())))
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None


def named_by(symbol: str) -> str:
    """The name of the system that has a network of this name. Raises ConfigError if none or several have."""
    files = [each for place in ("symbols", "modules") for each in sorted(ROOT.glob(f"*/{place}/*_*.py"))
             if not each.stem.startswith("_") and each.parents[1].name in systems()]  # fmt: skip
    named = [each.parents[1].name for each in files if each.stem == symbol]
    if len(named) == 1:
        return named[0]
    known = sorted(each.stem for each in files)
    raise ConfigError(f"symbol: {symbol!r} names no network of a system; networks: {', '.join(known)}")


def systems() -> list[str]:
    """Names of all systems."""
    return sorted(each.parent.name for each in ROOT.glob("*/system.py") if each.parent.name != "lib")


def load_system(name: str) -> System:
    """The system of a package beside lib. Raises ConfigError if there is none."""
    if name not in systems():
        raise ConfigError(f"there is no system {name!r}; systems: {', '.join(systems())}")
    return importlib.import_module(f"{name}.system").SYSTEM


def read(text: str, overrides: list[str]) -> tuple[System, Any]:
    """The system and the configuration of a path or name, with settings laid over it."""
    path = find_config(text)
    system = system_of(path, overrides)
    return system, load(system.schema, path, overrides)


def _symbol(path: Path, above: tuple) -> str:
    """The network that a file, or what it is based on, names; '' where it cannot be read (loading tells why)."""
    if path in above or not path.is_file():
        return ""
    node = read_file(path, Common())
    symbol, base = node.get("symbol"), node.get("BASE")
    if isinstance(symbol, str) and symbol:
        return symbol
    below = isinstance(base, str) and base and (path.parent / Path(base).expanduser()).resolve()
    return _symbol(below, (*above, path)) if below else ""
