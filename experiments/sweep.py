# SPDX-License-Identifier: Apache-2.0
"""Runs a sweep: experiments/sweep.py experiments/sweeps/NAME.yaml [--address CLUSTER]; see docs/sweeps.md."""

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # started as a file, Python looks beside it only
    from experiments.sweeping.command import main

    sys.exit(main())
