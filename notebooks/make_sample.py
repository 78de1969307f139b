# SPDX-License-Identifier: Apache-2.0
"""Makes notebooks/sample, small pieces of real runs that the notebooks open on:

    python notebooks/make_sample.py OUTPUT [NAME ...]

OUTPUT, such as ./output, holds the runs listed below, which `./train.sh NAME` makes (quick_dcn_deep: docs/gallery.md);
without names all are made anew. Of RUNS it keeps the configuration, the log, the offsets of all epochs, one look,
offsets on three pictures, and, where it says so, some of the last weights as float16; of SYSTEMS the configuration, the
result, the losses or some of what evaluation has kept, and, where that is nothing, one look.

Stored now are runs of several versions (each run.json has its commit): quick_v3plus with run.seed=100.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from lib.looking import look as looks
from lib.pictures.runs import Run, find_run
from lib.run import params

SAMPLE = Path(__file__).with_name("sample")
RUNS = {  # run: the parameters that are kept
    "quick_acn": r"res5a_branch2b_(weight|offset)",
    "quick_dcn": r"res5a_branch2b_offset_(weight|bias)",
    "quick_modulated": "",
    "quick_dcn_deep": "",
}
SYSTEMS: dict[str, tuple[str, ...]] = {  # run: the files that are kept of what evaluation has left
    "quick_digits": ("look_[0-9].npz", "look_10.npz"),
    "quick_rfcn": ("box*.npz",),
    "quick_flow": ("edge.npz", "*00401.*", "*00427.*"),
    "quick_tracker": ("look_deforming_*.npz",),
    "quick_v3plus": (),
    "quick_v2_lsdfn": (),
}
PICTURES = 3


def copy(run: Run, kept: str) -> None:
    """Into SAMPLE/<run>."""
    folder = SAMPLE / run.name
    training = folder / run.training.name
    prefix = training / run.prefix.name
    record(run, training)
    shutil.copy(f"{run.prefix}-symbol.json", training)
    for epoch in run.epochs:
        write(f"{prefix}-{epoch:04d}.json", {"epoch": epoch})
        offsets = run.offsets(epoch)
        if offsets:
            named = {each.name: each.offset_parameter for each in run.layers}
            np.savez_compressed(f"{prefix}-{epoch:04d}.npz", **{named[name]: each for name, each in offsets.items()})
    for log in run.logs():
        lines = [line for line in log.read_text(encoding="utf-8").splitlines(True) if "Epoch[" in line]
        (training / log.name).write_text("".join(lines), encoding="utf-8")
    if kept:
        chosen = {
            name: each.astype(np.float16) for name, each in run.arrays(run.last).items() if re.fullmatch(kept, name)
        }
        params.save(f"{prefix}-{run.last:04d}.params", chosen, {})
    save_look(run, folder)
    if run.kind != "active":
        offsets = {name: looks.small(each) for name, each in run.offset_sample(PICTURES).items()}
        np.savez_compressed(folder / "inspect" / f"offsets-{run.last:04d}.npz", **offsets)


def copy_system(run: Run, kept: tuple[str, ...]) -> None:
    """Into SAMPLE/<folder of its runs>/<run>, where only the notebook of all systems looks for it."""
    folder = SAMPLE / run.folder.parent.name / run.name
    training = folder / run.training.name
    record(run, training)
    write(training / f"{run.prefix.name}-{run.last:04d}.json", {"epoch": run.last})
    result = run.result()
    place = folder / run.kept.relative_to(run.folder)
    place.mkdir(parents=True)
    write(place.with_suffix(".json"), {key: result[key] for key in ("metric", "value", "epoch")})
    for path in (path for form in kept for path in run.kept.glob(form)):
        shutil.copy(path, place)
    if not kept:
        keys = ("event", "epoch", "update", "loss", "lr", "test")
        lines = [{key: line[key] for key in keys if key in line} for line in run.metrics()]
        text = "".join(json.dumps(line) + "\n" for line in lines)
        (training / "metrics.jsonl").write_text(text, encoding="utf-8")
        save_look(run, folder)


def record(run: Run, training: Path) -> None:
    """Into the new folder `training`."""
    training.mkdir(parents=True)
    made = json.loads((run.training / "run.json").read_text(encoding="utf-8"))
    keys = ("system", "commit", "versions", "threads", "seed", "config")  # not whose machine it was
    facts = {key: made[key] for key in keys if key in made}
    facts["config"]["output_path"] = f"./output/{run.folder.parent.name}"  # nor where its files lay
    data = facts["config"]["dataset"]
    data.update({key: f"./data/{Path(each).name}" for key, each in data.items() if str(each).startswith("/")})
    write(training / "run.json", facts, indent=1)


def save_look(run: Run, folder: Path) -> None:
    look = run.look()
    # Not for whose parameters it was made: the sample keeps only some of them, rounded.
    looks.save(folder / "inspect" / look.picture / "look.npz", replace(look, checkpoint=""))


def write(path: str | Path, content: dict, indent: int | None = None) -> None:
    Path(path).write_text(json.dumps(content, indent=indent) + "\n", encoding="utf-8")


def main(output: str, names: list[str]) -> None:
    runs = [
        find_run(name, Path(output)) for name in names or (*RUNS, *SYSTEMS)
    ]  # all must be there before any is replaced
    for run in runs:
        place = SAMPLE / (run.name if run.name in RUNS else f"{run.folder.parent.name}/{run.name}")
        shutil.rmtree(place, ignore_errors=True)
        if run.name in RUNS:
            copy(run, RUNS[run.name])
        else:
            copy_system(run, SYSTEMS[run.name])
        print(run.name, sum(path.stat().st_size for path in place.rglob("*") if path.is_file()))


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: python notebooks/make_sample.py OUTPUT [NAME ...]")
    main(sys.argv[1], sys.argv[2:])
