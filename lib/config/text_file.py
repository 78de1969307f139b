# SPDX-License-Identifier: Apache-2.0
"""Text files that people wrote, on whatever system: UTF-8, with or without its mark, or UTF-16 or 32 with one."""

from __future__ import annotations

import codecs
from pathlib import Path

MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class TextFileError(ValueError):
    """A file is no text; the message names it and the byte where it stops being text."""


def read_text(path: str | Path) -> str:
    """The text of a file, without the mark, lines ended by newlines alone.

    Raises TextFileError for bytes that are no text, OSError for a file that cannot be read.
    """
    content = Path(path).read_bytes()
    encoding = next((name for mark, name in MARKS if content.startswith(mark)), "utf-8")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        raise TextFileError(
            f"{path}: no {encoding} text: byte {error.start}: {error.reason}; save it as UTF-8"
        ) from None
    if "\0" in text:
        raise TextFileError(f"{path}: a NUL in it, so it is no text, or UTF-16 without its mark; save it as UTF-8")
    return text.replace("\r\n", "\n").replace("\r", "\n")
