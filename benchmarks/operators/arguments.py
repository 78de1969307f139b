# SPDX-License-Identifier: Apache-2.0
"""The command line."""

from __future__ import annotations

import argparse
import ast
import os
import re
from dataclasses import dataclass

from benchmarks.operators import suites
from benchmarks.operators.cases import make_case
from benchmarks.operators.engines import ENGINES, OPERATOR_ENGINES, STEP_ENGINES
from benchmarks.operators.machine import usable_cores
from operators.library import OperatorError

# Options that describe one operator; name -> attribute.
_ATTRIBUTES = {
    "kernel": "kernel", "stride": "stride", "pad": "pad", "dilate": "dilate", "filters": "num_filter",
    "groups": "num_group", "deformable_groups": "num_deformable_group", "offset_groups": "num_offset_group",
}  # fmt: skip
_ONLY = {  # option -> what it belongs to
    **dict.fromkeys((*_ATTRIBUTES, "shape", "attr", "input"), "op"),
    **dict.fromkeys(("shapes", "variants"), "conv"),
    **dict.fromkeys(("config", "set"), "step"),
}


@dataclass(frozen=True)
class Options:
    """What to measure and how. jobs : (threads, case) pairs. pythons : engine -> interpreter."""

    jobs: list
    engines: list
    pythons: dict
    rounds: int
    seconds: float
    allow_busy: bool
    memory: bool
    timeout: float
    json: str

    def settings(self) -> dict:
        keys = ("engines", "pythons", "rounds", "seconds", "allow_busy", "memory")
        return {**{key: getattr(self, key) for key in keys}, "threads": sorted({count for count, _ in self.jobs})}


def parse(arguments: list[str] | None = None) -> Options:
    """The options; on anything wrong, ends the process with status 2 and a message, as argparse does."""
    parser = _parser()
    given = parser.parse_args(arguments)
    try:
        return _options(given)
    except (OperatorError, ValueError) as error:
        parser.error(str(error))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "python -m benchmarks.operators", description="Time the operators beside other implementations, on this CPU."
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--suite", choices=("conv", "cost", "roi", "dynamic", "step"), help="a ready-made set of cases")
    what.add_argument("--op", metavar="NAME", help="one operator, such as DeformableConvolution")
    one = parser.add_argument_group("one operator (--op)")
    one.add_argument("--shape", type=_sizes(4), metavar="NxCxHxW", help="of the data")
    one.add_argument("--filters", type=_positive, metavar="K")
    for name in ("kernel", "stride", "pad", "dilate"):
        one.add_argument(f"--{name}", type=_pair, metavar="YxX")
    for name in ("groups", "deformable-groups", "offset-groups"):
        one.add_argument(f"--{name}", type=_positive, metavar="COUNT", help=f"the attribute {_attribute(name)}")
    one.add_argument("--attr", action="append", type=_assignment, metavar="KEY=VALUE", help="any other attribute")
    one.add_argument(
        "--input", action="append", type=_input, metavar="NAME=SHAPE", help="such as rois=300x5: not told by the data"
    )
    conv = parser.add_argument_group("--suite conv")
    conv.add_argument("--shapes", type=_names(suites.SHAPES), metavar="LIST", help="of A,B,C (default: all)")
    conv.add_argument("--variants", type=_names(suites.VARIANTS), metavar="LIST", help=",".join(suites.VARIANTS))
    step = parser.add_argument_group("--suite step")
    step.add_argument("--config", metavar="CONFIG", help="of a DeepLab-dcn network (default: quick_dcn)")
    step.add_argument(
        "--set", action="append", metavar="KEY=VALUE", help="replaces a setting of it, such as net.width=32"
    )
    case = parser.add_argument_group("cases")
    case.add_argument(
        "--passes", type=_names(suites.PASSES), metavar="LIST", help="of forward,training (default: both)"
    )
    case.add_argument("--boundary", choices=(*suites.BOUNDARIES, "all"), help="default: each operator's own")
    case.add_argument("--dtype", choices=("float32", "float64"))
    case.add_argument("--offset-std", type=_not_negative, metavar="PIXELS", help="of the random offsets (default: 1)")
    case.add_argument("--seed", type=int, default=0)
    how = parser.add_argument_group("measuring")
    how.add_argument("--engines", type=_names(ENGINES), metavar="LIST", help=f"of {', '.join(ENGINES)} (default: all)")
    how.add_argument("--threads", type=_threads, metavar="COUNT[,COUNT]", help="default: all cores")
    how.add_argument("--rounds", type=_positive, default=9, help="quiet measurements of each engine (default: 9)")
    how.add_argument("--seconds", type=_not_negative, default=0.25, help="each lasts at least (default: 0.25)")
    how.add_argument("--allow-busy", action="store_true", help="count measurements that other processes disturbed")
    how.add_argument("--no-memory", action="store_true", help="leave out the peak memory of a call")
    how.add_argument("--python", action="append", type=_python, metavar="ENGINE=PATH", help="an engine's interpreter")
    how.add_argument("--timeout", type=_positive, default=600, metavar="S", help="a silent worker is given up after")
    how.add_argument("--json", type=_new_file, metavar="PATH", help="write machine, versions, settings, every sample")
    return parser


def _options(given: argparse.Namespace) -> Options:
    chosen = given.suite or "op"
    for option, owner in _ONLY.items():
        if getattr(given, option) is not None and owner != chosen:
            belongs = "--op" if owner == "op" else f"--suite {owner}"
            raise ValueError(f"--{option.replace('_', '-')} belongs to {belongs}, not to --{_said(given)}")
    return Options(
        jobs=_jobs(given, chosen),
        engines=_engines(given, chosen),
        pythons=dict(given.python or ()),
        rounds=given.rounds,
        seconds=given.seconds,
        allow_busy=given.allow_busy,
        memory=not given.no_memory,
        timeout=given.timeout,
        json=given.json or "",
    )


def _jobs(given: argparse.Namespace, chosen: str) -> list:
    threads = given.threads or (usable_cores(),)
    passes = given.passes or tuple(suites.PASSES)
    settings = {"seed": given.seed, "offset_std": 1.0 if given.offset_std is None else given.offset_std}
    if chosen == "step":
        _refuse(given, "passes", "boundary", "dtype")
        from lib.system import find_config  # the other suites need none of what a configuration needs

        config = os.path.relpath(find_config(given.config or "quick_dcn"))
        cases = suites.step_suite(config, given.set or (), **settings)
        return [(count, case) for count in threads for case in cases]
    settings["dtype"] = given.dtype or "float32"
    if chosen == "cost":
        _refuse(given, "boundary", "offset_std")
        del settings["offset_std"]
        return suites.cost_suite(given.threads or tuple(sorted({1, usable_cores()})), passes, **settings)
    if chosen in ("roi", "dynamic"):
        _refuse(given, "boundary", "offset_std")
        del settings["offset_std"]
        suite = {"roi": suites.roi_suite, "dynamic": suites.dynamic_suite}[chosen]
        return [(count, case) for count in threads for case in suite(passes, **settings)]
    boundaries = {None: ("default",), "all": suites.BOUNDARIES}.get(given.boundary, (given.boundary,))
    if chosen == "conv":
        shapes, variants = given.shapes or tuple(suites.SHAPES), given.variants or tuple(suites.VARIANTS)
        cases = suites.conv_suite(shapes, variants, boundaries, passes, **settings)
    else:
        cases = _one_operator(given, boundaries, passes, settings)
    return [(count, case) for count in threads for case in cases]


def _one_operator(given: argparse.Namespace, boundaries, passes, settings: dict) -> list:
    if given.shape is None:
        raise ValueError("--op needs --shape NxCxHxW, the shape of its data")
    options = {name: getattr(given, option) for option, name in _ATTRIBUTES.items()}
    attributes = {**{name: value for name, value in options.items() if value is not None}, **dict(given.attr or ())}
    cases = []
    for boundary in boundaries:
        own = {} if boundary == "default" else {"boundary": boundary}
        for name in passes:
            training = suites.PASSES[name]
            title = " ".join([given.op, *own.values(), suites.pass_name(training)])
            fields = {**settings, "training": training, "own_boundary": not own and "boundary" not in attributes}
            inputs = dict(given.input or ())
            cases.append(make_case(title, given.op, given.shape, {**attributes, **own}, inputs, **fields))
    return cases


def _engines(given: argparse.Namespace, chosen: str) -> list:
    possible = STEP_ENGINES if chosen == "step" else OPERATOR_ENGINES
    wrong = [name for name in given.engines or () if name not in possible]
    if wrong:
        raise ValueError(f"--engines: {wrong[0]} is not for --{_said(given)}; choose of {', '.join(possible)}")
    default = {"cost": ("plain", "numpy", "mxnet"), "dynamic": ("copy", "numpy", "mxnet", "unfold")}
    others = [name for name in possible if name not in ("copy", "unfold")]
    return list(given.engines or default.get(chosen, others))


def _refuse(given: argparse.Namespace, *options: str) -> None:
    for option in options:
        if getattr(given, option) is not None:
            raise ValueError(f"--{option.replace('_', '-')} has no meaning with --{_said(given)}")


def _said(given: argparse.Namespace) -> str:
    return f"suite {given.suite}" if given.suite else f"op {given.op}"


def _attribute(option: str) -> str:
    return _ATTRIBUTES[option.replace("-", "_")]


def _wrong(text: str) -> argparse.ArgumentTypeError:
    return argparse.ArgumentTypeError(text)


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) == 0:
        raise _wrong(f"expected a whole number from 1, got {text!r}")
    return int(text)


def _not_negative(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise _wrong(f"expected a number from 0, got {text!r}")
    return value


def _sizes(count: int):
    def sizes(text: str) -> tuple:
        if not re.fullmatch("x".join([r"\d+"] * count), text):
            raise _wrong(
                f"expected {count} whole numbers with x between, such as {'x'.join('1248'[:count])}, got {text!r}"
            )
        return tuple(map(int, text.split("x")))

    return sizes


def _pair(text: str) -> tuple:
    return _sizes(2)(f"{text}x{text}" if text.isdigit() else text)


def _names(known):
    def names(text: str) -> tuple:
        wrong = [name for name in text.split(",") if name not in known]
        if wrong:
            raise _wrong(f"{wrong[0]!r} is not one of {', '.join(known)}")
        return tuple(dict.fromkeys(text.split(",")))

    return names


def _threads(text: str) -> tuple:
    return tuple(dict.fromkeys(map(_positive, text.split(","))))


def _assignment(text: str) -> tuple:
    key, sign, value = text.partition("=")
    if not (key and sign):
        raise _wrong(f"expected KEY=VALUE, got {text!r}")
    try:
        return key, ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return key, value


def _input(text: str) -> tuple:
    name, _, shape = text.partition("=")
    if not (name and re.fullmatch(r"\d+(x\d+)*", shape)):
        raise _wrong(f"expected NAME=SHAPE, such as rois=300x5, got {text!r}")
    return name, tuple(map(int, shape.split("x")))


def _python(text: str) -> tuple:
    engine, sign, path = text.partition("=")
    if not sign or engine not in ENGINES:
        raise _wrong(f"expected ENGINE=PATH with an engine of {', '.join(ENGINES)}, got {text!r}")
    return engine, path


def _new_file(text: str) -> str:
    folder = os.path.dirname(os.path.abspath(text))
    if os.path.isdir(text) or not os.access(folder, os.W_OK):
        raise _wrong(f"cannot write a file {text!r}")
    return text
