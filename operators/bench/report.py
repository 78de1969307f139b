# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import os


def write_json(report: dict, path: str) -> None:
    """Writes the whole report; the file is complete or absent. The layout stands in benchmarks/README.md."""
    unfinished = f"{path}.{os.getpid()}"
    try:
        with open(unfinished, "w", encoding="utf-8") as file:
            json.dump(report, file, indent=1)
            file.write("\n")
        os.replace(unfinished, path)
    finally:
        if os.path.exists(unfinished):
            os.remove(unfinished)
