# SPDX-License-Identifier: Apache-2.0
"""What the functions make of their arguments before the dispatcher sees them."""

from __future__ import annotations

from operators.library import OperatorError


def pair(operator: str, name: str, value) -> tuple:
    """(y, x) of an integer or a pair of them."""
    if type(value) is int:
        return (value, value)
    try:
        y, x = value
    except (TypeError, ValueError):
        raise OperatorError(f"{operator}: {name} must be an integer or a pair (y, x), got {value!r}") from None
    return (y, x)


def dimensions(operator: str, name: str, tensor, count: int, what: str) -> None:
    if tensor.dim() != count:
        raise OperatorError(f"{operator}: {name} must have {count} dimensions {what}, got shape {tuple(tensor.shape)}")


def share(operator: str, what: str, whole: int, part: int) -> int:
    """whole / part, where it is one."""
    if part < 1 or whole % part:
        raise OperatorError(f"{operator}: {what}, got {whole} and {part}")
    return whole // part


def square(operator: str, name: str, value) -> int:
    y, x = pair(operator, name, value)
    if y != x:
        raise OperatorError(f"{operator}: {name} must be square, got {value!r}")
    return y


def given(attributes: dict, **names) -> dict:
    """{our name: value} of those attributes that are there, by `our name=their name`."""
    return {ours: attributes[theirs] for ours, theirs in names.items() if theirs in attributes}
