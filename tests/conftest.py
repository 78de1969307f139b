# SPDX-License-Identifier: Apache-2.0
"""What tests of several folders share: small configurations, small streets, and small networks trained on them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CONFIGURATIONS = ROOT / "experiments" / "deeplab" / "cfgs"
TINY = {"depth": 18, "width": 4, "output_stride": 8, "head_channels": 8, "res5_dilate": 1}
SMALL = {
    "SCALES": [64, 96],
    "net": {"depth": 18, "width": 4, "head_channels": 8},
    "run": {"threads": 1},
    "TRAIN": {"end_epoch": 2, "BATCH_IMAGES": 4, "warmup_step": 2, "lr_step": "1.5", "FLIP": False},
    "default": {"frequent": 1},
}


@pytest.fixture
def config_of():
    """config_of(symbol, **net) -> DeepLab's configuration of that network, 19 classes, the rest at its default."""
    from deeplab.schema import Config

    def make(symbol="resnet_v1_101_deeplab", **net):
        cfg = Config(symbol=symbol)
        for key, value in net.items():
            assert hasattr(cfg.net, key), f"cfg.net has no {key}"
            setattr(cfg.net, key, value)
        return cfg

    return make


@pytest.fixture
def tiny_config_of(config_of):
    """The same for a network of 18 layers and 4 filters at its thinnest, all of it trained."""

    def make(symbol="resnet_v1_101_deeplab", **net):
        cfg = config_of(symbol, **{**TINY, **net})
        cfg.network.FIXED_PARAMS = []
        return cfg

    return make


@pytest.fixture(scope="session")
def trained(tmp_path_factory) -> Path:
    """The folder with output/streets/quick_acn, quick_dcn and the data set `streets` they were trained on."""
    place = tmp_path_factory.mktemp("trained")
    _call(place, "lib.data.streets", "streets", "--train", "12", "--val", "4", "--size", "64x96", "--seed", "1")
    for name in ("quick_acn", "quick_dcn"):
        data = {"dataset": {"dataset_path": str(place / "streets")}}
        content = {"BASE": str(CONFIGURATIONS / f"{name}.yaml"), **SMALL, **data}
        (place / f"{name}.yaml").write_text(json.dumps(content))  # JSON is YAML
        _call(place, "lib.commands.train", f"{name}.yaml")
    return place


def _call(place, module, *arguments):
    path = os.pathsep.join([os.environ.get("PYTHONPATH", ""), str(ROOT)])
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, cwd=place, env={**os.environ, "PYTHONPATH": path}, text=True, capture_output=True)
    assert done.returncode == 0, done.stdout + done.stderr
