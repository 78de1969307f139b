# SPDX-License-Identifier: Apache-2.0
"""Attributes of MXNet's operators: their types, MXNet's defaults, and which values are served here.

A value is read from its text as MXNet reads it: what MXNet holds as float is rounded to 32 bits, in float64 graphs too.
"""

from __future__ import annotations

import difflib
import math
import struct
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from operators.library import OperatorError

REQUIRED = object()


@dataclass(frozen=True)
class Attribute:
    """kind: one of _READERS, or "ignored": it changes the speed and nothing else, and its text is not read.

    default : MXNet's
    served : the values computed here, None for all
    choices : of kind "choice", MXNet's
    none : whether "None" is a value; it always is where it is the default
    """

    kind: str
    default: object = REQUIRED
    served: tuple | None = None
    choices: tuple = ()
    none: bool = False

    def value(self, name: str, text: str):
        try:
            value = _READERS[self.kind](str(text).strip())
        except (ValueError, OverflowError):
            if str(text).strip() != "None" or not (self.none or self.default is None):
                raise OperatorError(f"{name}='{text}' is not {_WORDS[self.kind]}") from None
            value = None
        if self.choices and value not in (*self.choices, self.default):
            raise OperatorError(f"{name}='{text}' is not one of {', '.join(map(repr, self.choices))}")
        if self.served is not None and value not in self.served:
            served = ", ".join(map(repr, self.served))
            raise OperatorError(f"{name}={value!r} is not served here; served: {served}")
        return value


def integer(default=REQUIRED, served=None, none=False) -> Attribute:
    return Attribute("integer", default, served, none=none)


def single(default=REQUIRED, served=None) -> Attribute:
    """MXNet's float."""
    return Attribute("single", default if default in (REQUIRED, None) else rounded(default), served)


def double(default=REQUIRED, served=None) -> Attribute:
    return Attribute("double", default, served)


def flag(default=REQUIRED, served=None) -> Attribute:
    return Attribute("flag", default, served)


def shape(default=REQUIRED, served=None) -> Attribute:
    """Integers, or None, in brackets."""
    return Attribute("shape", default, served)


def choice(choices: str, default=REQUIRED, served=None) -> Attribute:
    return Attribute("choice", default, served, tuple(choices.split()))


def word(default=REQUIRED) -> Attribute:
    return Attribute("word", default)


IGNORED = Attribute("ignored", None)


def rounded(value: float) -> float:
    """To float32 and back."""
    return value if math.isinf(value) else struct.unpack("f", struct.pack("f", value))[0]


def read_all(schema: dict, texts: dict) -> SimpleNamespace:
    """All attributes of a node. Raises OperatorError naming the attribute, what came and what is served."""
    for name in texts:
        if name not in schema:
            near = difflib.get_close_matches(name, schema, n=1, cutoff=0.6)
            hint = f"did you mean {near[0]}? " if near else ""
            known = ", ".join(schema) or "none"
            raise OperatorError(f"there is no attribute {name} (here '{texts[name]}'); {hint}known: {known}")
    values = {}
    for name, attribute in schema.items():
        if attribute.kind == "ignored":
            continue
        if name in texts:
            values[name] = attribute.value(name, texts[name])
        elif attribute.default is REQUIRED:
            raise OperatorError(f"attribute {name} is missing")
        else:
            values[name] = attribute.default
    return SimpleNamespace(**values)


def _integer(text: str) -> int:
    return int(text.removesuffix("L"))  # Python 2 wrote long integers so


def _flag(text: str) -> bool:
    if text.lower() not in ("true", "false", "1", "0"):
        raise ValueError(text)
    return text.lower() in ("true", "1")


def _shape(text: str) -> tuple:
    if text[:1] + text[-1:] in ("()", "[]"):
        text = text[1:-1].strip().removesuffix(",")
    elif text == "None":
        raise ValueError(text)
    return tuple(None if part.strip() == "None" else _integer(part.strip()) for part in text.split(",") if text)


def _choice(text: str) -> str:
    if text == "None":
        raise ValueError(text)
    return text


_READERS: dict[str, Callable[[str], Any]] = {
    "integer": _integer,
    "single": lambda text: rounded(float(text)),
    "double": float,
    "flag": _flag,
    "shape": _shape,
    "choice": _choice,
    "word": str,
}
_WORDS = {
    "integer": "an integer",
    "single": "a number",
    "double": "a number",
    "flag": "True or False",
    "shape": "a tuple of integers",
    "choice": "a word",
}
