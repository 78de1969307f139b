# SPDX-License-Identifier: Apache-2.0
"""python -m operators doctor: what works here, and what to do about what does not. --version: which version this is."""

from __future__ import annotations

import argparse
import os
import signal
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
    try:
        return doctor.report(sys.stdout)
    except BrokenPipeError:  # nobody reads any more
        status = 128 + signal.SIGPIPE
    except OSError as error:
        print(f"error: standard output: {error.strerror}", file=sys.stderr)
        status = 1
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left would fail at the end again
    return status


if __name__ == "__main__":
    sys.exit(main())
