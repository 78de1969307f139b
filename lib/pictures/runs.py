# SPDX-License-Identifier: Apache-2.0
"""The runs in an output folder, and what each left there: <output>/<run>/<image set>/<prefix>-0008.params and so on.

Everything here reads files. Only what no file holds yet, the offsets that a deformable layer computes from a picture,
is made by running the network once, and then kept in the run's folder `inspect`.
"""

from __future__ import annotations

import glob
from pathlib import Path

import numpy as np

from lib.config import load_dict
from lib.looking import look as looks
from lib.looking.filters import filter_layers
from lib.looking.layers import LookingLayer, looking_layers, named_by_layer
from lib.looking.look import Look
from lib.run import checkpoint, params
from lib.run.atomic import write_arrays
from lib.run.damage import read_arrays, read_json
from lib.run.initial import initial_value
from lib.run.metrics import read_metrics
from lib.run.record import read_record
from lib.system import ROOT, load_system, named_by
from lib.weights.pretrained import read_pretrained


class RunError(ValueError):
    """There is no such run, or it holds too little. The text says what there is."""


class Run:
    """One trained network.

    folder: <output_path>/<run name>. Raises RunError if no training has written there.

    name: the folder's. config: its settings, as plain data. system: the name of the system that trained it.
    kind: of its layers that learn where to look, 'active', 'deformable', ...; 'plain' if it has none.
    """

    def __init__(self, folder: str | Path):
        self.folder = Path(folder)
        if not self.folder.is_dir():
            raise RunError(f"no run {self.folder}: no such folder{_there(self.folder.parent)}")
        self.name = self.folder.name
        found = _training(self.folder)
        if found is None:
            raise RunError(f"{folder} is no run: it has no <image set>/run.json of a training{_there(self.folder)}")
        self.training, record = found
        self.config = record["config"]
        self._system = record.get("system", "")
        self.prefix = self.training / self.config["TRAIN"]["model_prefix"]

    @property
    def system(self) -> str:
        """Raises ConfigError for a run of an earlier version, which does not say, if its network is gone."""
        return self._system or named_by(self.config["symbol"])

    @property
    def kind(self) -> str:
        return self.layers[0].kind if self.layers else "plain"

    @property
    def layers(self) -> list[LookingLayer]:
        """The layers that learn where to look, as its graph has them; [] before the first checkpoint."""
        graph = self._graph
        return looking_layers(graph) if graph else []

    @property
    def filters(self) -> bool:
        """Whether it has dynamic filters, as its graph says."""
        graph = self._graph
        return bool(graph and filter_layers(graph))

    @property
    def _graph(self) -> str:
        """The text of its graph, '' before the first checkpoint."""
        try:
            return checkpoint.read_graph(self.prefix)
        except FileNotFoundError:
            return ""

    def __repr__(self) -> str:
        return f"Run({str(self.folder)!r}, {self.kind}, {self.last} epochs)"

    @property
    def epochs(self) -> list[int]:
        """The complete epochs, ascending."""
        return checkpoint.complete_epochs(self.prefix)

    @property
    def last(self) -> int:
        """The last complete epoch. Raises RunError if there is none."""
        if not self.epochs:
            raise RunError(f"{self.training} has no complete epoch yet: train first")
        return self.epochs[-1]

    def settings(self, overrides: list[str] | tuple[str, ...] = ()):
        """The configuration, with its output where the run lies now and its data found from anywhere.

        overrides: key=value, laid over it. Raises RunError for one that would mean another run.
        """
        if elsewhere := [each for each in overrides if means_a_run(each)]:
            raise RunError(f"{elsewhere[0]}: {self.folder} is a run and keeps what it is; give a configuration, or the "
                           "folder of the run that is meant")  # fmt: skip
        schema = load_system(self.system).schema
        cfg = load_dict(schema, self.config, str(self.training / "run.json"), overrides)
        cfg.output_path, cfg.run.name = str(self.folder.parent), self.name
        if not Path(cfg.dataset.dataset_path).is_dir():  # the scripts run in the repository, a notebook does not
            cfg.dataset.dataset_path = str(ROOT / cfg.dataset.dataset_path)
        if cfg.network.pretrained and not Path(cfg.network.pretrained).parent.is_dir():
            cfg.network.pretrained = str(ROOT / cfg.network.pretrained)
        return cfg

    def offsets(self, epoch: int) -> dict[str, np.ndarray]:
        """{layer: offsets (filter groups, channel groups, kernel y, kernel x, 2)} of the active layers."""
        return named_by_layer(self.layers, checkpoint.read_offsets(self.prefix, epoch))

    def offsets_over_epochs(self) -> tuple[list[int], dict[str, np.ndarray]]:
        """The epochs, first 0 (before training, all offsets 0), and the arrays of `offsets`, stacked in axis 0."""
        epochs = self.epochs
        each = [self.offsets(epoch) for epoch in epochs]
        names = each[-1] if each else []
        stacks = {name: np.stack([np.zeros_like(each[-1][name]), *(one[name] for one in each)]) for name in names}
        return [0, *epochs], stacks

    def arrays(self, epoch: int) -> dict[str, np.ndarray]:
        """All trained parameters of an epoch by name, float32."""
        arg, _ = params.load(checkpoint.find(self.prefix, epoch))
        return {name: value.astype(np.float32) for name, value in arg.items()}

    def has_arrays(self) -> bool:
        """Whether the last epoch's parameters are there (of a sample run they may not be)."""
        return Path(f"{self.prefix}-{self.last:04d}.params").is_file()

    def before(self, after: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The same parameters before training, from the run's seed or from the pretrained file that it names."""
        cfg = self.settings()
        table = load_system(self.system).rules(cfg)
        made = {name: initial_value(table[name].init, name, after[name].shape, cfg.run.seed) for name in after}
        if cfg.network.pretrained:
            _, arg, _ = read_pretrained(cfg)
            made.update({name: arg[name].astype(np.float32) for name in after if table[name].pretrained})
        return made

    def logs(self) -> list[Path]:
        """The log files of its training, oldest first."""
        return sorted(self.training.glob("*.log"))

    def metrics(self) -> list[dict]:
        """The lines of metrics.jsonl, see `lib.run.metrics.read_metrics`."""
        return read_metrics(self.training / "metrics.jsonl")

    def result(self, zero_offsets: bool = False) -> dict | None:
        """What evaluation wrote, or None if there was none."""
        name = f"results{'_zero_offsets' if zero_offsets else ''}.json"
        path = self._tested / name
        return read_json(path, "evaluate again (./test.sh CONFIG)") if path.is_file() else None

    @property
    def kept(self) -> Path:
        """The folder of what evaluation has kept of the test set: looks, flows, detections, as its system does."""
        return self._tested / "results"

    @property
    def _tested(self) -> Path:
        return self.folder / self.config["dataset"]["test_image_set"].replace("+", "_")

    def look(self) -> Look:
        """What the network of the last epoch does with a picture: the first that `inspect` stored.

        If there is none, one is made of the test picture in the middle of the list, and stored.
        """
        epoch = self.last  # once: a training may go on meanwhile
        for path in sorted((self.folder / "inspect").glob("*/look.npz")):
            stored = looks.load(path)
            whole = stored.filters or not self.filters  # earlier versions kept none
            if whole and stored.epoch == epoch and self._made_by(stored.checkpoint, epoch):
                return stored
        looker, dataset = self._network(epoch)
        record = dataset.records[len(dataset.records) // 2]
        image, truth = dataset.pair(record)
        look = looker.look(image, record.name, truth)
        looks.save(self.folder / "inspect" / record.name / "look.npz", look)
        return look

    def offset_sample(self, count: int = 8) -> dict[str, np.ndarray]:
        """Offsets of each layer on `count` test pictures evenly spaced in their list, in pixels of the layer's input.

        {layer: (count, sets, taps, 2, H', W')}; stored in <run>/inspect/offsets-<epoch>.npz, read from there next time.
        """
        epoch = self.last  # once: a training may go on meanwhile
        path = self.folder / "inspect" / f"offsets-{epoch:04d}.npz"
        if path.is_file():
            stored = read_arrays(path, "remove it, it is then made anew")
            made_by, pictures = str(stored.pop("checkpoint", "")), int(stored.pop("pictures", count))
            least = min(count, pictures)  # of so many test pictures
            if stored and len(next(iter(stored.values()))) >= least and self._made_by(made_by, epoch):
                return {name: value[:count].astype(np.float32) for name, value in stored.items()}
        looker, dataset = self._network(epoch)
        chosen = np.linspace(0, len(dataset.records) - 1, min(count, len(dataset.records))).astype(int)
        each = [looker.look(dataset.image(dataset.records[number]), "") for number in chosen]
        found = {name: np.stack([one.layer(name).offset for one in each]) for name in looker.names}
        path.parent.mkdir(parents=True, exist_ok=True)
        facts = {"checkpoint": np.array(looker.checkpoint), "pictures": np.array(len(dataset.records))}
        write_arrays(path, {**facts, **{name: looks.small(value) for name, value in found.items()}}, compressed=True)
        return found

    def _made_by(self, digest: str, epoch: int) -> bool:
        """Whether an epoch's parameters still are those of this digest; '' is a sample's: nothing to ask."""
        path = Path(f"{self.prefix}-{epoch:04d}.params")
        return not digest or not path.is_file() or digest == checkpoint.digest(path)

    def _network(self, epoch: int):
        from lib.predictors import predictor  # a framework is loaded for this alone

        system, cfg = load_system(self.system), self.settings()
        return system.looker(cfg, predictor(system, cfg, epoch)), system.dataset(cfg)


def means_a_run(setting: str) -> bool:
    """Whether key=value says which run of a configuration is meant: its name, its place, or what is laid over it."""
    return setting.partition("=")[0] in ("run.name", "output_path", "OVER")


def runs_in(output: str | Path) -> list[Run]:
    """All runs in a folder such as output/streets, by name. Raises RunError if there is none."""
    output = Path(output)
    folders = sorted({path.parent.parent for path in output.glob("*/*/run.json")})
    found = [run for run in map(Run, filter(_training, folders)) if run.epochs]
    if not found:
        raise RunError(f"{output} holds no trained run; ./train.sh quick_acn makes one in output/streets")
    return found


def find_tested(name: str, output: str | Path, kept: str = "") -> Run | None:
    """The run of that name in <output>/*, after it has told the run's number; None where it is not there, not trained
    or not tested, after it has told what makes it.

    kept: a pattern of files that evaluation must have kept, such as look_*.npz; earlier versions kept less.
    """
    for folder in sorted(Path(output).glob(f"*/{glob.escape(name)}")):
        run = Run(folder) if _training(folder) else None
        result = run.result() if run else None
        if run and result:
            print(f"{name}: {result['metric']} {result['value']:.3f} after {result['epoch']} epochs")
            if not kept or any(run.kept.glob(kept)):
                return run
            print(f"{run.kept} has no {kept}: ./test.sh {name} makes it")
            return None
    print(f"no tested run {name} in {output}: ./train.sh {name} makes one")
    return None


def find_run(text: str | Path, output: Path = Path("output")) -> Run:
    """The run of a folder (or of its training folder), or the one of that name in <output>/*. Raises RunError."""
    path = Path(text)
    if path.is_dir():
        return Run(path.parent if (path / "run.json").is_file() else path)
    named = sorted(output.glob(f"*/{glob.escape(str(text))}")) if len(path.parts) == 1 else []
    if len(named) > 1:
        raise RunError(f"run {text}: there are {', '.join(map(str, named))}; give the folder")
    if named:
        return Run(named[0])
    folders = sorted({each.parent.parent for each in output.glob("*/*/*/run.json")})
    there = (str(each) for each in folders if any(each.glob("*/*-[0-9][0-9][0-9][0-9]*.json")))  # not of failed starts
    known = ", ".join(there) or "none yet; ./train.sh quick_acn makes one"
    raise RunError(f"no run {text}: there is no such folder; runs in {output}: {known}")


def _training(folder: Path) -> tuple[Path, dict] | None:
    """The folder of the image set a run was trained on, and its record; evaluations leave a run.json too."""
    for path in sorted(folder.glob("*/run.json")):
        record = read_record(path.parent)
        config = record["config"]
        if path.parent.name == config["dataset"]["image_set"].replace("+", "_"):
            return path.parent, record
    return None


def _there(folder: Path) -> str:
    names = sorted(path.name for path in folder.iterdir())[:12] if folder.is_dir() else []
    return f"; {folder} has {', '.join(names)}" if names else ""
