# SPDX-License-Identifier: Apache-2.0
"""Makes the next items of an iterator while the caller works on the present one."""

from __future__ import annotations

import atexit
import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")
_POLL_SECONDS = 0.1


def prefetch(make: Callable[[], Iterable[T]], ahead: int = 2) -> Iterator[T]:
    """Yields what `make()` yields, in its order, produced by one background thread at most `ahead` items early.

    An exception of `make` is raised here, after the items before it. The thread ends with the iterator: when it is
    exhausted, closed or dropped, and before the interpreter exits (a daemon thread that is still inside numpy or
    Pillow then could crash it), so nothing here can hang.
    """
    items: queue.Queue = queue.Queue(ahead)
    stop = threading.Event()

    def put(entry) -> bool:
        while not stop.is_set():
            try:
                items.put(entry, timeout=_POLL_SECONDS)
                return True
            except queue.Full:
                continue
        return False

    def work() -> None:
        try:
            for item in make():
                if not put((item, None)):
                    return
            put((None, StopIteration()))
        except BaseException as error:  # handed over, not hidden: the consumer raises it
            put((None, error))

    thread = threading.Thread(target=work, name="prefetch", daemon=True)

    def end() -> None:
        stop.set()
        thread.join()

    atexit.register(end)
    thread.start()
    try:
        while True:
            item, error = items.get()
            if isinstance(error, StopIteration):
                return
            if error is not None:
                raise error
            yield item
    finally:
        end()
        atexit.unregister(end)
