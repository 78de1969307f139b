# SPDX-License-Identifier: Apache-2.0
"""What is timed: one operator at one shape, or one training step. Plain data, so that a worker can be handed it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from math import lcm


@dataclass(frozen=True)
class Case:
    """One operator at one shape, forward alone or with the gradients of every input.

    attributes : every boundary and bias choice is written out. inputs : name -> shape. output : shape.
    offset_std : pixels. own_boundary : an engine that has only another boundary than this case's may use its own.
    goals : engine -> the ratio to the yardstick it should stay below. yardstick : the engine that ratios refer to.
    memory_goal : MiB beyond the output and gradients that our engines should stay below; 0 for none.
    ungrouped : title of the case with one offset group that this one is compared with.
    """

    title: str
    operator: str
    attributes: dict
    inputs: dict
    output: tuple
    dtype: str = "float32"
    offset_std: float = 1.0
    training: bool = False
    own_boundary: bool = True
    seed: int = 0
    goals: dict = field(default_factory=dict)
    yardstick: str = "plain"
    memory_goal: float = 0
    ungrouped: str = ""

    def pair(self, name: str, default: int) -> tuple:
        return tuple(self.attributes.get(name, (default, default)))

    @property
    def boundary(self) -> str:
        return self.attributes.get("boundary", "")

    def result_bytes(self) -> int:
        """Bytes of the output and, in training, of every gradient: what no engine can do without."""
        shapes = [self.output, *(self.inputs.values() if self.training else ())]
        return sum(_product(shape) for shape in shapes) * int(self.dtype[-2:]) // 8


@dataclass(frozen=True)
class StepCase:
    """One training step of a DeepLab network. config : a YAML file. overrides : `section.key=value` texts."""

    title: str
    config: str
    overrides: tuple
    offset_std: float = 1.0
    seed: int = 0
    goals: dict = field(default_factory=dict)
    yardstick: str = "step-stock"


def make_case(title: str, operator: str, data: tuple, attributes: dict, given: dict | None = None, **others) -> Case:
    """A Case with its shapes worked out. Raises OperatorError for an unknown operator, a wrong attribute or shape.

    given : input -> shape, of those that do not follow from that of data
    """
    from operators import library
    from operators.for_numpy import Operator

    known = library.descriptions()
    if operator not in known:
        raise library.OperatorError(f"there is no operator '{operator}'; there are {', '.join(sorted(known))}")
    if "no_bias" in known[operator].attributes:
        attributes = {"no_bias": True, **attributes}
    if "boundary" in known[operator].attributes:
        attributes = {"boundary": known[operator].attributes["boundary"]["default"], **attributes}
    handle = Operator(operator, **attributes)
    unknown = sorted(set(given or {}) - set(handle.inputs[1:]))
    if unknown:
        raise library.OperatorError(f"{operator} has no input '{unknown[0]}' beside data; {', '.join(handle.inputs)}")
    shapes, output = handle.shapes(tuple(data), *((given or {}).get(name) for name in handle.inputs[1:]))
    if "weight" not in handle.inputs:
        others.setdefault("yardstick", "stock")
    return Case(title, operator, attributes, dict(zip(handle.inputs, shapes)), output, **others)


def tiny(case: Case) -> Case:
    """The same operator with the same attributes on as small a map as they allow."""
    if "rois" in case.inputs:
        given = {name: (1, *shape[1:]) for name, shape in case.inputs.items() if name != "data"}
        small = make_case(case.title, case.operator, (1, case.inputs["data"][1], 4, 4), case.attributes, given)
        return replace(case, inputs=small.inputs, output=small.output)
    attributes, height, width = dict(case.attributes), 4, 4
    groups = lcm(*(attributes.get(name, 1) for name in ("num_group", "num_deformable_group")))
    if "kernel" in attributes:
        taps = zip(case.pair("kernel", 1), case.pair("dilate", 1), case.pair("stride", 1))
        height, width = ((kernel - 1) * dilate + 1 + stride for kernel, dilate, stride in taps)
        attributes["num_filter"] = lcm(groups, attributes.get("num_offset_group", 1))
    small = make_case(case.title, case.operator, (1, groups, height, width), attributes)
    return replace(case, attributes=attributes, inputs=small.inputs, output=small.output)


def to_message(case) -> dict:
    return {"kind": type(case).__name__, **asdict(case)}


def from_message(message: dict):
    """The Case or StepCase that `to_message` wrote and JSON carried: lists are tuples again."""
    kind = {"Case": Case, "StepCase": StepCase}[message["kind"]]
    fields = {key: _tuples(value) for key, value in message.items() if key != "kind"}
    return kind(**fields)


def _tuples(value):
    if isinstance(value, list):
        return tuple(value)
    if isinstance(value, dict):
        return {key: _tuples(each) for key, each in value.items()}
    return value


def _product(shape) -> int:
    result = 1
    for size in shape:
        result *= size
    return result
