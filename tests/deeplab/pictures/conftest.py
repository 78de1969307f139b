# SPDX-License-Identifier: Apache-2.0
"""Two small networks, one with active and one with deformable layers, trained on a few generated streets."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

CONFIGURATIONS = Path(__file__).parents[3] / "experiments" / "deeplab" / "cfgs"
SMALL = {
    "SCALES": [64, 96],
    "net": {"depth": 18, "width": 4, "head_channels": 8},
    "run": {"threads": 1},
    "TRAIN": {"end_epoch": 2, "BATCH_IMAGES": 4, "warmup_step": 2, "lr_step": "1.5", "FLIP": False},
    "default": {"frequent": 1},
}


@pytest.fixture(scope="session")
def trained(tmp_path_factory) -> Path:
    """The folder with output/streets/quick_acn, quick_dcn and the data set `streets` they were trained on."""
    place = tmp_path_factory.mktemp("trained")
    _call(place, "lib.data.streets", "streets", "--train", "12", "--val", "4", "--size", "64x96", "--seed", "1")
    for name in ("quick_acn", "quick_dcn"):
        data = {"dataset": {"dataset_path": str(place / "streets")}}
        content = {"BASE": str(CONFIGURATIONS / f"{name}.yaml"), **SMALL, **data}
        (place / f"{name}.yaml").write_text(json.dumps(content))  # JSON is YAML
        _call(place, "deeplab.train", "--cfg", f"{name}.yaml")
    return place


def _call(place, module, *arguments):
    path = os.pathsep.join([os.environ.get("PYTHONPATH", ""), str(CONFIGURATIONS.parents[2])])
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, cwd=place, env={**os.environ, "PYTHONPATH": path}, text=True, capture_output=True)
    assert done.returncode == 0, done.stdout + done.stderr
