# SPDX-License-Identifier: Apache-2.0
"""Whatever decides what a training or an evaluation does is read under the lock: what another process has finished
until then counts. Frameworks and networks are stood in for; files and locks are real.
"""

from __future__ import annotations

import contextlib
import json
from argparse import Namespace
from pathlib import Path
from types import SimpleNamespace

import pytest

from deeplab.schema import load
from lib.commands import test as command
from lib.commands import train as training
from lib.config import as_dict
from lib.run import checkpoint, folder

CONFIGS = Path(__file__).parents[3] / "experiments" / "deeplab" / "cfgs"
SETS = {"plain": "leftImg8bit_val", "joined": "leftImg8bit_val+leftImg8bit_test", "submission": "leftImg8bit_test"}


class System:
    """Notes which epoch is evaluated, into which folder, and whether the lock was held then."""

    name = "stand-in"

    def __init__(self):
        self.seen = []

    def layers(self, cfg) -> list:
        return []

    def evaluate(self, cfg, predictor, place, ignore_cache, log) -> dict:
        self._note(predictor, place.parent)
        return {"metric": "meanIU", "value": 0.5, "images": 4, "parts": {}}

    def submit(self, cfg, predictor, place, log) -> Path:
        self._note(predictor, place.parent)
        return place

    def _note(self, predictor, place) -> None:
        with pytest.raises(folder.FolderError, match="another process is evaluating"):
            folder.Lock(place, "evaluating")
        self.seen.append((predictor.epoch, place.name))


@pytest.fixture
def cfg(tmp_path):
    made = load(CONFIGS / "quick_dcn.yaml", [f"output_path={tmp_path}", "TRAIN.end_epoch=3"])
    leave_epoch(made, 2)
    return made


def leave_epoch(cfg, epoch: int) -> None:
    """What a training leaves of an epoch, as far as it is looked at here."""
    prefix = folder.prefix(cfg)
    prefix.parent.mkdir(parents=True, exist_ok=True)
    Path(f"{prefix}-{epoch:04d}.params").write_bytes(b"%d" % epoch)
    Path(f"{prefix}-{epoch:04d}.json").write_text(json.dumps({"epoch": epoch, "config": as_dict(cfg), "threads": 1}))


@pytest.fixture
def frameworks(monkeypatch):
    """None is loaded."""
    from lib import predictors
    from lib.run import provenance

    def predictor(system, cfg, epoch=0, zero_offsets=False, file=None):
        path, epoch = predictors.parameters_of(cfg, epoch)
        return SimpleNamespace(path=path, epoch=epoch, digest=checkpoint.digest(path), engine=None)

    monkeypatch.setattr(predictors, "predictor", predictor)
    monkeypatch.setattr(provenance, "provenance", lambda *_: {"seed": 0, "config": {}})


def meanwhile(monkeypatch, act) -> None:
    """Lets `act()` happen before a lock is got, as if another process had held it until then."""

    class Late(folder.Lock):
        def __init__(self, *arguments):
            if not done:
                done.append(True)
                act()
            super().__init__(*arguments)

    done: list[bool] = []
    monkeypatch.setattr(folder, "Lock", Late)


def chosen(cfg, kind: str) -> Namespace:
    cfg.dataset.test_image_set = SETS[kind]
    return Namespace(params=None, epoch=0, zero_offsets=False, both=False, ignore_cache=False,
                     submission=kind == "submission")  # fmt: skip


@pytest.mark.parametrize("kind", SETS)
def test_an_evaluation_takes_the_epoch_that_is_the_last_under_the_lock(cfg, frameworks, monkeypatch, kind):
    system, options = System(), chosen(cfg, kind)
    meanwhile(monkeypatch, lambda: leave_epoch(cfg, 3))
    assert command._test(system, cfg, 1, options) == 0
    assert system.seen == [(3, SETS[kind].replace("+", "_"))]
    if kind != "submission":
        assert json.loads(folder.results_path(cfg).read_text())["epoch"] == 3


@pytest.mark.parametrize("kind", SETS)
def test_of_two_evaluations_of_one_set_the_second_is_refused_and_changes_nothing(cfg, frameworks, kind):
    system, options = System(), chosen(cfg, kind)
    place = folder.run_folder(cfg, SETS[kind])
    place.mkdir(parents=True)
    with folder.Lock(place, "evaluating"):
        before = sorted(place.iterdir())
        with pytest.raises(folder.FolderError, match=f"another process is evaluating in {place}$"):
            command._test(system, cfg, 1, options)
        assert not system.seen and sorted(place.iterdir()) == before
        cfg.dataset.test_image_set = "leftImg8bit_train"  # another set is evaluated meanwhile
        options.submission = False
        assert command._test(system, cfg, 1, options) == 0 and system.seen == [(2, "leftImg8bit_train")]
    assert command._test(system, cfg, 1, options) == 0


@pytest.mark.parametrize("sets", ["leftImg8bit_train", "leftImg8bit_train+leftImg8bit_val"])
def test_a_training_that_another_process_has_finished_meanwhile_is_not_begun_again(tmp_path, monkeypatch, capsys, sets):
    cfg = load(
        CONFIGS / "quick_dcn.yaml", [f"output_path={tmp_path}", "TRAIN.end_epoch=3", f"dataset.image_set={sets}"]
    )
    engine = SimpleNamespace(place=SimpleNamespace(replicas=1), group=SimpleNamespace(first=True, size=1))
    monkeypatch.setattr("lib.engines.open_engine", lambda *_, **__: contextlib.nullcontext(engine))
    monkeypatch.setattr("lib.commands.training.train", lambda *_, **__: pytest.fail("trains"))
    system = SimpleNamespace(prepare=lambda cfg: None, training=lambda cfg, place: None, name="stand-in")
    meanwhile(monkeypatch, lambda: leave_epoch(cfg, 3))
    assert training._train(system, cfg, 1, False) == 0
    assert "has all 3 epochs: nothing to train" in capsys.readouterr().out
    assert folder.prefix(cfg).parent.name == sets.replace("+", "_")
