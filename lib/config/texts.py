# SPDX-License-Identifier: Apache-2.0
"""Which texts fit where: names of files and folders, image sets, paths. Told by key, before anything is written."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import fields, is_dataclass

LONGEST = 200  # bytes of a name; what is added to it (dates, epochs) must fit into the 255 that a file system allows
COMPONENT = 255


def expand_home(cfg, keys: Iterable[str]) -> None:
    """Replaces a leading ~ or ~user of these paths by the home folder, in place."""
    for key in keys:
        *above, last = key.split(".")
        section = cfg
        for name in above:
            section = getattr(section, name)
        setattr(section, last, os.path.expanduser(getattr(section, last)))


def unfit_texts(cfg) -> Iterator[str]:
    """A sentence for every text that no file system or file could hold."""
    for key, text in _texts(cfg):
        try:
            text.encode()
        except UnicodeEncodeError:
            yield f"{key}: expected text, got bytes that are no UTF-8: {text!r}"
        if any(ord(letter) < 32 or ord(letter) == 127 for letter in text):
            yield f"{key}: expected text without control characters, got {text!r}"


def unfit_name(key: str, text: str) -> Iterator[str]:
    """A sentence if `text` cannot be the name of a file or folder."""
    if "/" in text or text in ("", ".", ".."):
        yield f"{key}: expected the name of a file or folder, without '/', got {text!r}"
    elif len(os.fsencode(text)) > LONGEST:
        yield f"{key}: expected at most {LONGEST} bytes, got {len(os.fsencode(text))}: {text[:40]!r}..."


def unfit_path(key: str, text: str) -> Iterator[str]:
    """A sentence if `text` cannot be a path."""
    if text.startswith("~"):
        yield f"{key}: no home folder is known for {text!r}; write ./{text} for a folder of that name"
    if any(len(os.fsencode(part)) > COMPONENT for part in text.split("/")):
        yield f"{key}: expected names of at most {COMPONENT} bytes between the '/', got {text[:60]!r}..."


def unfit_image_set(key: str, text: str) -> Iterator[str]:
    """A sentence if `text` cannot be one or several image sets, joined by '+'."""
    parts = text.split("+") if text else []
    if any("/" in part or part in ("", ".", "..") or part != part.strip() for part in parts):
        yield f"{key}: expected image sets joined by '+', such as 'leftImg8bit_train+leftImg8bit_val', got {text!r}"
    elif len(os.fsencode(text)) > LONGEST:
        yield f"{key}: expected at most {LONGEST} bytes, got {len(os.fsencode(text))}"
    elif len(set(parts)) != len(parts):
        yield f"{key}: an image set stands twice in {text!r}"


def _texts(section, above: str = "") -> Iterator[tuple[str, str]]:
    for entry in fields(section):
        value, key = getattr(section, entry.name), f"{above}{entry.name}"
        if is_dataclass(value):
            yield from _texts(value, f"{key}.")
        for text in value if isinstance(value, list) else [value]:
            if isinstance(text, str):
                yield key, text
