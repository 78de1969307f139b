# SPDX-License-Identifier: Apache-2.0
"""Looks at every file of a data set in Cityscapes' format before a training does, and says what to do about each fault.

`check` does it for a folder; a system does it for what its configuration uses. `findings` holds the table of faults and
advice, `layout` knows which files there should be, `pair` looks into one picture and its labels.
"""

from __future__ import annotations

from lib.data.preflight.check import Report, check
from lib.data.preflight.findings import Finding

__all__ = ["Finding", "Report", "check"]
