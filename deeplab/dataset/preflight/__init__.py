# SPDX-License-Identifier: Apache-2.0
"""Looks at every file of a data set in Cityscapes' format before a training does, and says what to do about each fault.

`check` does it for a folder, `check_config` for what a configuration uses. `findings` holds the table of faults and
advice, `layout` knows which files there should be, `pair` looks into one picture and its labels.
"""

from __future__ import annotations

from deeplab.dataset.preflight.check import Report, check
from deeplab.dataset.preflight.findings import Finding
from deeplab.dataset.preflight.for_config import check_config

__all__ = ["Finding", "Report", "check", "check_config"]
