# SPDX-License-Identifier: Apache-2.0
"""What the functions and layers make of their arguments before the dispatcher sees them."""

from __future__ import annotations

import operator as python_operator
import warnings

import torch

from operators.library import OperatorError


def _whole(value):
    """An int of whatever is one: of NumPy, of a tensor, symbolic while tracing. TypeError for anything else, and for a
    truth value, as torch's own layers raise it."""
    if isinstance(value, bool):
        raise TypeError
    return value if type(value) is int or isinstance(value, torch.SymInt) else python_operator.index(value)


def number(operator: str, name: str, value) -> int:
    try:
        return _whole(value)
    except TypeError:
        raise OperatorError(f"{operator}: {name} must be an integer, got {value!r}") from None


def pair(operator: str, name: str, value) -> tuple:
    """(y, x) of an integer or a pair of them."""
    try:
        return (_whole(value),) * 2
    except TypeError:
        pass
    try:
        y, x = value
        return (_whole(y), _whole(x))
    except (TypeError, ValueError):
        raise OperatorError(f"{operator}: {name} must be an integer or a pair (y, x), got {value!r}") from None


def padding_of(operator: str, value, kernel, stride: tuple, dilation: tuple) -> tuple:
    """(y, x) of an integer, a pair, "valid" (none) or "same" (the output is as large as the input)."""
    if not isinstance(value, str):
        return pair(operator, "padding", value)
    if value == "valid":
        return (0, 0)
    if value != "same":
        raise OperatorError(f"{operator}: padding must be an integer, a pair (y, x), 'same' or 'valid', got {value!r}")
    total = [dilation[i] * (kernel[i] - 1) for i in (0, 1)]
    if stride != (1, 1) or total[0] % 2 or total[1] % 2:
        raise OperatorError(
            f"{operator}: padding='same' needs stride 1 and the same padding on both sides, got stride {stride}, "
            f"kernel {tuple(kernel)} and dilation {dilation}"
        )
    return (total[0] // 2, total[1] // 2)


def must_be_tensors(operator: str, **arguments) -> None:
    for name, value in arguments.items():
        if not isinstance(value, torch.Tensor):
            raise OperatorError(f"{operator}: {name} must be a tensor, got {type(value).__name__}")


def dimensions(operator: str, name: str, tensor, count: int, what: str) -> None:
    if tensor.dim() != count:
        raise OperatorError(f"{operator}: {name} must have {count} dimensions {what}, got shape {tuple(tensor.shape)}")


def as_batch(operator: str, **tensors) -> tuple:
    """(whether the first of the tensors is one image (C, H, W), the tensors), with a first axis; None stays None."""
    name, images = next(iter(tensors.items()))
    if images.dim() != 3:
        dimensions(operator, name, images, 4, "(N, C, H, W), or 3 (C, H, W)")
        return (False, *tensors.values())
    for other, tensor in tensors.items():
        if tensor is not None:
            dimensions(operator, other, tensor, 3, f"because {name} is one image (C, H, W)")
    return (True, *(None if each is None else each.unsqueeze(0) for each in tensors.values()))


def share(operator: str, what: str, whole: int, part: int) -> int:
    """whole / part, where it is one."""
    if torch.jit.is_tracing():  # channels are constants of a traced network, so this is no warning to its user
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", torch.jit.TracerWarning)
            whole, part = int(whole), int(part)
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
