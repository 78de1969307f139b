# SPDX-License-Identifier: Apache-2.0
"""Stands in for ./train.sh in the tests of sweeps: CONFIG key=value ... in, the same result files out, in a moment.

It counts to `fake.updates`, an update every 0.1 s, goes on where it was stopped, and notes every start. With
`fake.breaks=true` it fails at the second update.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

settings = dict(argument.split("=", 1) for argument in sys.argv[2:])
run = Path(settings["output_path"]) / settings["run.name"]
training, testing = run / "leftImg8bit_train", run / "leftImg8bit_val"
for folder in (training, testing):
    folder.mkdir(parents=True, exist_ok=True)
lines = training / "metrics.jsonl"
done = len(lines.read_text().splitlines()) if lines.exists() else 0
updates, rate = int(settings["fake.updates"]), float(settings["net.offset_lr_rate"])
with open(run / "starts", "a") as file:
    file.write(f"{done}\n")
with open(lines, "a", buffering=1) as file:
    for update in range(done + 1, updates):
        time.sleep(0.1)
        if settings.get("fake.breaks") == "true" and update == 2:
            sys.exit("the fake breaks as it was told to")
        file.write(json.dumps({"event": "update", "update": update, "epoch": 0, "loss": rate / update}) + "\n")
    file.write(json.dumps({"event": "epoch", "update": updates, "epoch": 0, "loss": rate, "seconds": 0.5}) + "\n")
results = {"epoch": 1, "metric": "score", "value": rate / 2, "other": rate, "parts": {"road": rate}, "sha256": "new"}
(testing / "results.json").write_text(json.dumps({**results, "threads": 1, "commit": "fake"}))
(testing / "results_zero_offsets.json").write_text(json.dumps({**results, "value": 0, "sha256": "of an earlier epoch"}))
