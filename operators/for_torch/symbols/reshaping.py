# SPDX-License-Identifier: Apache-2.0
"""The shapes that MXNet's Reshape makes."""

from __future__ import annotations

import math

from operators.library import OperatorError


def new_shape(data: tuple, codes: tuple, reverse: bool = False) -> tuple:
    """0 keeps a size, -1 is found, -2 keeps all that follow, -3 joins two, -4 splits one into the two that follow.

    reverse: read from the right.
    """
    if reverse and -4 in codes:
        raise OperatorError(f"shape={codes} with reverse=True is not served here; served: codes other than -4")
    if reverse:
        return new_shape(data[::-1], codes[::-1])[::-1]
    sizes, waiting = iter(data), iter(codes)
    out: list[int] = []

    def take():
        size = next(sizes, None)
        if size is None:
            raise OperatorError(f"shape={codes} uses more sizes than data of shape {data} has")
        return size

    for code in waiting:
        if code == -2:
            out += sizes
        elif code == -3:
            out.append(take() * take())
        elif code == -4:
            out += _split(take(), next(waiting, None), next(waiting, None), codes)
        elif code == 0:
            out.append(take())
        elif code == -1 or code > 0:
            next(sizes, None)
            out.append(code)
        else:
            raise OperatorError(f"shape={codes}: there is no code {code}")
    return _filled(data, tuple(out), codes)


def _split(size, first, second, codes) -> tuple:
    if first is None or second is None or (first == -1 and second == -1):
        raise OperatorError(f"shape={codes}: two numbers must follow -4, at most one of them -1")
    if first == -1:
        first = size // second if second else 0
    if second == -1:
        second = size // first if first else 0
    if first * second != size:
        raise OperatorError(f"shape={codes}: {size} cannot be split into {first} and {second}")
    return first, second


def _filled(data, out, asked) -> tuple:
    """Finds the size that is -1."""
    total, known = math.prod(data), math.prod(size for size in out if size != -1)
    fits = known and total % known == 0 if out.count(-1) == 1 else total == known and -1 not in out
    if not fits:
        raise OperatorError(f"data of shape {data} cannot have shape={asked}")
    return tuple(total // known if size == -1 else size for size in out)


def old_shape(data: tuple, target: tuple, keep_highest: bool) -> tuple:
    """Of the attributes before `shape`: a size of target_shape may be 0, to be found; keep_highest keeps the first."""
    target = (data[0], *target[1:]) if keep_highest else target
    return _filled(data, tuple(size or -1 for size in target), target)
