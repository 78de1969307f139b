# SPDX-License-Identifier: Apache-2.0
"""The text of a network that is a torch module. It stands where a Symbol's graph would: in `Network.graph` and in
prefix-symbol.json. It only names one of our modules: reading it runs no code but that of lib.modules."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

_NAME = re.compile(r"lib\.modules(\.\w+)+:\w+")


@dataclass(frozen=True)
class ModuleText:
    """module: 'lib.modules.<file>:<class>'. settings: what the class is called with, plain data. looking: of each layer
    in it that learns where to look what `lib.looking.modules.Entry` has, plain data, in the network's order.

    Raises ValueError for a module that does not lie in lib.modules.
    """

    module: str
    settings: Mapping = field(default_factory=dict)
    looking: Sequence[Mapping] = ()

    def __post_init__(self):
        if not isinstance(self.module, str) or not _NAME.fullmatch(self.module):
            raise ValueError(f"module: expected 'lib.modules.<file>:<class>', got {self.module!r}")
        if not isinstance(self.settings, Mapping) or not all(isinstance(each, Mapping) for each in self.looking):
            raise ValueError(f"{self.module}: expected settings by name and a list of layers that look")

    @property
    def text(self) -> str:
        said = {
            "module": self.module,
            "settings": dict(self.settings),
            "looking": [dict(each) for each in self.looking],
        }
        return json.dumps(said, indent=1)


def read_module(text: str) -> ModuleText | None:
    """What a network's text says, None for a Symbol's graph. Raises ValueError for a module that is not ours."""
    try:
        said = json.loads(text)
    except json.JSONDecodeError:
        return None  # who reads a graph tells what is wrong with it
    if not isinstance(said, dict) or "module" not in said:
        return None
    return ModuleText(said["module"], said.get("settings", {}), said.get("looking", []))
