# SPDX-License-Identifier: Apache-2.0
"""The stamp by which the CPU and the CUDA library know that they were built from the same headers.

Objects of C++ cross from one to the other, so a CUDA library beside a CPU library of other headers would read the wrong
bytes. `python operators/core/abi.py` prints the stamp.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

OPERATORS = Path(__file__).resolve().parent.parent
SHARED = ("core/contract", "core/conv", "core/roi", "core/sampling")  # and each room's contract and geometry


def shared_headers() -> list:
    """Paths of the headers whose types both libraries use."""
    found = [path for folder in SHARED for path in (OPERATORS / folder).glob("*.h")]
    return sorted([*found, *OPERATORS.glob("*/contract.h"), *OPERATORS.glob("*/geometry.h")])


def abi() -> str:
    """16 hexadecimal digits."""
    digest = hashlib.sha256()
    for path in shared_headers():
        digest.update(f"{path.relative_to(OPERATORS).as_posix()}\n".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


if __name__ == "__main__":
    print(abi())
