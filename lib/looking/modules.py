# SPDX-License-Identifier: Apache-2.0
"""The layers of a torch module that learn where to look, as its text lists them (`lib.run.module_text`): a module has
no graph to be read. The engine holds the list to the module that it builds."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

from lib.run.module_text import read_module


@dataclass(frozen=True)
class Entry:
    """One deformable convolution, whose child `conv_offset` makes its offsets. Pairs are (y, x).

    name: of the module. scale: image pixels per pixel of its input, whose pixel (0, 0) has its centre at `origin`.
    sets: of offsets. offset_bias: whether `conv_offset` has a bias. The rest: see `lib.looking.layers.LookingLayer`.
    """

    name: str
    scale: float
    origin: float = 0.0
    kernel: tuple[int, int] = (3, 3)
    stride: tuple[int, int] = (1, 1)
    dilate: tuple[int, int] = (1, 1)
    pad: tuple[int, int] = (1, 1)
    sets: int = 1
    boundary: str = "inside"
    offset_bias: bool = False

    @property
    def data(self) -> dict:
        """Plain data, for the text."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}

    @property
    def record(self) -> dict:
        """What a `LookingLayer` is made of. An engine gives the inputs and outputs of a module's children by name."""
        maker = f"{self.name}.conv_offset"
        names = [f"{maker}.weight", *([f"{maker}.bias"] if self.offset_bias else [])]
        return {
            "name": self.name, "operator": "DeformableConvolution", "kernel": self.kernel, "sets": self.sets,
            "data": f"{self.name}_input", "offset": f"{maker}_output", "mask": "", "offset_parameter": "",
            "parameters": {name: slice(None) for name in names}, "steering": frozenset(names),
            "stride": self.stride, "dilate": self.dilate, "pad": self.pad, "boundary": self.boundary,
        }  # fmt: skip


def entries(text: str) -> list[Entry] | None:
    """The list of a module's text, None where the text is a Symbol's graph. Raises ValueError for an entry with other
    keys."""
    module = read_module(text)
    if module is None:
        return None
    known = {each.name for each in fields(Entry)}
    for each in module.looking:
        if not {"name", "scale"} <= each.keys() <= known:
            raise ValueError(f"{module.module}: a layer that looks has the keys {', '.join(sorted(known))}; got {each}")
    said: list[dict[str, Any]] = [dict(each) for each in module.looking]
    pairs = [{key: tuple(value) for key, value in each.items() if isinstance(value, list)} for each in said]
    return [Entry(**{**each, **more}) for each, more in zip(said, pairs)]
