# SPDX-License-Identifier: Apache-2.0
"""Makes notebooks/sample, small pieces of real runs that the notebooks open on: python notebooks/make_sample.py OUTPUT

OUTPUT holds the runs listed below (./train.sh quick_acn, and so on; the README beside the samples has the commands). Of
each it keeps the configuration, the log, the offsets of all epochs, one look, offsets on three pictures, and, where
RUNS says so, some of the last weights as float16.
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
from lib.pictures.runs import Run
from lib.run import params

SAMPLE = Path(__file__).with_name("sample")
RUNS = {  # run: the parameters that are kept
    "quick_acn": r"res5a_branch2b_(weight|offset)",
    "quick_dcn": r"res5a_branch2b_offset_(weight|bias)",
    "quick_modulated": "",
    "quick_dcn_deep": "",
}
PICTURES = 3


def copy(run: Run, kept: str) -> None:
    folder = SAMPLE / run.name
    training = folder / run.training.name
    training.mkdir(parents=True)
    prefix = training / run.prefix.name
    made = json.loads((run.training / "run.json").read_text(encoding="utf-8"))
    facts = {key: made[key] for key in ("commit", "versions", "threads", "seed", "config")}  # not whose machine it was
    (training / "run.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    shutil.copy(f"{run.prefix}-symbol.json", training)
    for epoch in run.epochs:
        Path(f"{prefix}-{epoch:04d}.json").write_text(json.dumps({"epoch": epoch}) + "\n", encoding="utf-8")
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
    look = run.look()
    # Not for whose parameters it was made: the sample keeps only some of them, rounded.
    looks.save(folder / "inspect" / look.picture / "look.npz", replace(look, checkpoint=""))
    if run.kind != "active":
        offsets = {name: looks.small(each) for name, each in run.offset_sample(PICTURES).items()}
        np.savez_compressed(folder / "inspect" / f"offsets-{run.last:04d}.npz", **offsets)


def main(output: str) -> None:
    runs = [(Run(Path(output) / name), kept) for name, kept in RUNS.items()]  # all must be there before any is replaced
    for run, kept in runs:
        shutil.rmtree(SAMPLE / run.name, ignore_errors=True)
        copy(run, kept)
        print(run.name, sum(path.stat().st_size for path in (SAMPLE / run.name).rglob("*") if path.is_file()))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python notebooks/make_sample.py OUTPUT")
    main(sys.argv[1])
