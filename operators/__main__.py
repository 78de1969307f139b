# SPDX-License-Identifier: Apache-2.0
"""python -m operators doctor: what works here, and what to do about what does not. --version: which version this is."""

from __future__ import annotations

import argparse
import sys

from operators import doctor
from operators.version import __version__


def main(arguments: list[str] | None = None) -> int:
    """Gives the exit status: 0, or 1 if something that should work does not."""
    parser = argparse.ArgumentParser("python -m operators", description="Active-ConvNets operators.")
    parser.add_argument("--version", action="version", version=f"active-convnets {__version__}")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("doctor", help="print versions, devices and compatibility, and what to do about each problem")
    parser.parse_args(arguments)
    return doctor.report(sys.stdout)


if __name__ == "__main__":
    sys.exit(main())
