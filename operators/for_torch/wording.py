# SPDX-License-Identifier: Apache-2.0
"""The library speaks of arguments by their MXNet names; this puts those of PyTorch in their place."""

from __future__ import annotations

import functools
import re

_EVERYWHERE = {"attribute": "argument", "data": "input"}


@functools.cache
def _words(names: tuple):
    table = {**_EVERYWHERE, **dict(names)}
    return table, re.compile(r"\b(" + "|".join(table) + r")\b")


def for_torch(message: str, names: dict) -> str:
    """`ActiveConvolution: data must ...` becomes `input must ...`; the caller puts its own name before it.

    names : the library's name -> PyTorch's, as the file of the room in ops/ has them
    """
    _, _, text = message.partition(": ")
    table, word = _words(tuple(names.items()))
    return word.sub(lambda match: table[match[1]], text or message)
