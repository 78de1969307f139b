# SPDX-License-Identifier: Apache-2.0
"""The peak of resident memory that one call adds."""

from __future__ import annotations

import ctypes

_MIB = 1024  # /proc/self/status counts KiB


def extra_memory(call) -> dict:
    """Calls it once. Returns {"mib": what the peak rose above the resident memory before, "exact", "how"}.

    The kernel's high-water mark is first lowered to the present through /proc/self/clear_refs. Where that is not
    permitted the figure is still exact if the call rose above the old mark; if not, it is an upper bound.
    """
    _return_freed_memory()
    lowered = _lower_mark()
    before, mark = _status("VmRSS"), _status("VmHWM")
    call()
    peak = _status("VmHWM")
    return {
        "mib": round((peak - before) / _MIB, 1),
        "exact": lowered or peak > mark,
        "how": "VmHWM, lowered before" if lowered else "VmHWM, could not be lowered before",
    }


def _return_freed_memory() -> None:
    """What the allocator holds from earlier work would hide what the call takes."""
    ctypes.CDLL(None).malloc_trim(0)


def _lower_mark() -> bool:
    try:
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")
    except OSError:
        return False
    return True


def _status(name: str) -> int:
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(name + ":"))
