# SPDX-License-Identifier: Apache-2.0
"""Operators whose output has the shape of their inputs, or of their inputs broadcast."""

from __future__ import annotations

import math

import torch

from operators.for_torch.symbols.attributes import IGNORED, choice, double, integer, single
from operators.for_torch.symbols.operator import Operator, operator, register_operator
from operators.library import OperatorError


def _fixed(function):
    return lambda a: function


def _zero_gradient(function):
    """Of comparisons: a value that nothing is learned from."""
    return lambda *tensors: function(*tensors).to(tensors[0].dtype)


def _no_gradient(function):
    return lambda data: function(data).detach()


UNARY = {
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": torch.relu,
    "softsign": torch.nn.functional.softsign,
    "exp": torch.exp,
    "expm1": torch.expm1,
    "log": torch.log,
    "log1p": torch.log1p,
    "sqrt": torch.sqrt,
    "rsqrt": torch.rsqrt,
    "square": torch.square,
    "abs": torch.abs,
    "negative": torch.neg,
    "reciprocal": torch.reciprocal,
    "sin": torch.sin,
    "cos": torch.cos,
    "sign": _no_gradient(torch.sign),
    "floor": _no_gradient(torch.floor),
    "ceil": _no_gradient(torch.ceil),
    "zeros_like": _no_gradient(torch.zeros_like),
    "ones_like": _no_gradient(torch.ones_like),
}
for _name, _function in UNARY.items():
    register_operator(Operator(_name, _fixed(_function), {}, lambda a: ("data",), lambda a: ("output",), same=True))


def _first_wins(compare):
    """The greater or smaller of two; where they are equal the gradient is the first one's, as MXNet has it."""

    def function(lhs, rhs):
        return torch.where(compare(lhs, rhs), lhs, rhs)

    return function


# name -> function, MXNet's other names of the elementwise form
BINARY = {
    "add": (torch.add, "_add _plus _Plus"),
    "sub": (torch.sub, "_sub _minus _Minus"),
    "mul": (torch.mul, "_mul _Mul"),
    "div": (torch.div, "_div _Div"),
    "maximum": (_first_wins(torch.ge), "_Maximum"),
    "minimum": (_first_wins(torch.le), "_Minimum"),
    "power": (torch.pow, "_Power"),
    "equal": (_zero_gradient(torch.eq), "_Equal"),
    "not_equal": (_zero_gradient(torch.ne), "_Not_Equal"),
    "greater": (_zero_gradient(torch.gt), "_Greater"),
    "greater_equal": (_zero_gradient(torch.ge), "_Greater_Equal"),
    "lesser": (_zero_gradient(torch.lt), "_Lesser"),
    "lesser_equal": (_zero_gradient(torch.le), "_Lesser_Equal"),
}
_BROADCAST_ALIASES = {"add": ("broadcast_plus",), "sub": ("broadcast_minus",)}


def _equal_shapes(function):
    """PyTorch would broadcast where MXNet refuses."""

    def checked(lhs, rhs):
        if lhs.shape != rhs.shape:
            raise OperatorError(f"both inputs must have one shape, got {tuple(lhs.shape)} and {tuple(rhs.shape)}")
        return function(lhs, rhs)

    return checked


def _register_binary(name, function, aliases) -> None:
    both, output = lambda a: ("lhs", "rhs"), lambda a: ("output",)
    elementwise = f"elemwise_{name}" if name in ("add", "sub", "mul", "div") else f"_{name}"
    register_operator(
        Operator(elementwise, _fixed(_equal_shapes(function)), {}, both, output, same=True), aliases.split()
    )
    register_operator(
        Operator(f"broadcast_{name}", _fixed(function), {}, both, output), _BROADCAST_ALIASES.get(name, ())
    )


for _name, (_function, _aliases) in BINARY.items():
    _register_binary(_name, _function, _aliases)


# name -> s -> f(data), MXNet's name in old files
SCALAR = {
    "plus": (lambda s: lambda data: data + s, "_PlusScalar"),
    "minus": (lambda s: lambda data: data - s, "_MinusScalar"),
    "rminus": (lambda s: lambda data: s - data, "_RMinusScalar"),
    "mul": (lambda s: lambda data: data * s, "_MulScalar"),
    "div": (lambda s: lambda data: data / s, "_DivScalar"),
    "rdiv": (lambda s: lambda data: s / data, "_RDivScalar"),
    "power": (lambda s: lambda data: data**s, "_PowerScalar"),
    "rpower": (lambda s: lambda data: s**data, "_RPowerScalar"),
    "maximum": (lambda s: lambda data: torch.where(data >= s, data, s), "_MaximumScalar"),
    "minimum": (lambda s: lambda data: torch.where(data <= s, data, s), "_MinimumScalar"),
    "equal": (lambda s: _zero_gradient(lambda data: data == s), "_EqualScalar"),
    "not_equal": (lambda s: _zero_gradient(lambda data: data != s), "_NotEqualScalar"),
    "greater": (lambda s: _zero_gradient(lambda data: data > s), "_GreaterScalar"),
    "greater_equal": (lambda s: _zero_gradient(lambda data: data >= s), "_GreaterEqualScalar"),
    "lesser": (lambda s: _zero_gradient(lambda data: data < s), "_LesserScalar"),
    "lesser_equal": (lambda s: _zero_gradient(lambda data: data <= s), "_LesserEqualScalar"),
}


def _with_scalar(make):
    return lambda a: make(a.scalar)


for _name, (_make, _alias) in SCALAR.items():
    # is_int says how MXNet counts with whole numbers; tensors here hold floating-point ones
    register_operator(
        Operator(
            f"_{_name}_scalar",
            _with_scalar(_make),
            {"scalar": double(1.0), "is_int": IGNORED},
            lambda a: ("data",),
            lambda a: ("output",),
            same=True,
        ),
        (_alias,),
    )


@operator("smooth_l1", "data", {"scalar": double(1.0)}, same=True)
def _smooth_l1(a):
    bound = 1 / a.scalar**2

    def function(data):
        size = data.abs()
        return torch.where(size < bound, 0.5 * a.scalar**2 * data * data, size - 0.5 * bound)

    return function


@operator(
    "clip",
    "data",
    {"a_min": single(), "a_max": single()},
    same=True,
    keeps=lambda a: a.a_min == -math.inf and a.a_max == math.inf,
)
def _clip(a):
    if a.a_min > a.a_max:
        raise OperatorError(f"a_min must be at most a_max, got {a.a_min} and {a.a_max}")
    return lambda data: data.clamp(a.a_min, a.a_max)


@operator("_copy", "data", aliases="identity", same=True, keeps=lambda a: True)
def _copy(a):
    return lambda data: data


@operator("BlockGrad", "data", aliases="stop_gradient", same=True)
def _block_grad(a):
    return torch.Tensor.detach


@operator("add_n", None, {"num_args": integer(None)}, aliases="ElementWiseSum", same=True)
def _add_n(a):
    add = _equal_shapes(torch.add)

    def function(*args):
        total = args[0]
        for each in args[1:]:
            total = add(total, each)
        return total

    return function


@operator("where", "condition x y")
def _where(a):
    def function(condition, x, y):
        if x.shape != y.shape or condition.shape not in (x.shape, x.shape[:1]):
            came = ", ".join(str(tuple(each.shape)) for each in (condition, x, y))
            raise OperatorError(f"x and y must have one shape, and condition that or its first number, got {came}")
        condition = condition.reshape(condition.shape + (1,) * (x.dim() - condition.dim()))
        return torch.where(condition != 0, x, y)

    return function


DTYPES = {
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
    "float32": torch.float32,
    "float64": torch.float64,
    "int8": torch.int8,
    "uint8": torch.uint8,
    "int32": torch.int32,
    "int64": torch.int64,
    "bool": torch.bool,
}


@operator("Cast", "data", {"dtype": choice(" ".join(DTYPES))}, aliases="cast", same=True)
def _cast(a):
    dtype = DTYPES[a.dtype]
    return lambda data: data.to(dtype)
