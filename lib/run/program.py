# SPDX-License-Identifier: Apache-2.0
"""How every program ends: errors as a sentence, whatever becomes of the streams that it tells them on."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from contextlib import suppress

from tqdm import tqdm

from operators.extras import MissingExtra

ERRORS = (OSError, ValueError, RuntimeError, MemoryError, FloatingPointError, MissingExtra)


def program(main: Callable[[list[str] | None], int]) -> Callable[..., int]:
    """Makes `main(arguments)` a program's: it gives its exit status, 1 after an error that is told on standard error,
    130 after Ctrl-C, and what is wrong with standard output does not end it (see `tell`)."""

    @functools.wraps(main)
    def whole(arguments: list[str] | None = None) -> int:
        make_streams()
        try:
            status = main(arguments)
        except KeyboardInterrupt:
            status = _told("interrupted", 130)
        except BrokenPipeError:  # of what was printed without `tell`
            status = 0
        except ERRORS as error:
            status = _told(f"error: {error or type(error).__name__}", 1)
        finally:
            whole_output = _flushed(sys.stdout)
            _flushed(sys.stderr)
        return status if whole_output else _told("error: standard output: cannot be written", 1)

    return whole


def tell(text: str, stream=None) -> None:
    """Prints a line, above a progress bar if there is one; stream: standard output unless given.

    Where nobody reads any more (`| head`), the line is dropped and the work goes on. So it does where standard error
    cannot be written, for nobody could be told. Raises OSError for standard output on a full disk.
    """
    stream = sys.stdout if stream is None else stream
    try:
        tqdm.write(text, file=stream)
        stream.flush()
    except BrokenPipeError:
        _drop(stream)
    except OSError:
        if stream is not sys.stderr:
            raise
        _drop(stream)


def make_streams() -> None:
    """Opens the null device where a standard stream is closed: a file that is opened later must not take its number,
    for libraries write their own warnings there."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, which is this one
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))
        if hasattr(getattr(sys, name), "reconfigure"):  # a file's name need not be text
            getattr(sys, name).reconfigure(errors="backslashreplace")


def _told(text: str, status: int) -> int:
    tell(text, sys.stderr)
    return status


def _flushed(stream) -> bool:
    """Writes what is left; False if it could not be, other than because nobody reads it."""
    try:
        stream.flush()
    except BrokenPipeError:
        _drop(stream)
    except OSError:
        _drop(stream)
        return False
    return True


def _drop(stream) -> None:
    """All that is written to the stream from now on is lost, the end of the process included."""
    with suppress(OSError, ValueError):  # a stream of a test has no number
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)
