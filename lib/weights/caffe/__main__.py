# SPDX-License-Identifier: Apache-2.0
"""Imports a Caffe network: python -m lib.weights.caffe MODEL.caffemodel DEPLOY.prototxt OUT_PREFIX"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from lib.run.program import program, tell
from lib.run.threads import use_threads


@program
def main(arguments: list[str] | None = None) -> int:
    """Gives the exit status: 0, or 1 after an error told on standard error."""
    parser = argparse.ArgumentParser(
        "python -m lib.weights.caffe",
        description="Write a trained Caffe network, with or without AConvFast layers, as OUT_PREFIX-symbol.json and "
        "OUT_PREFIX-0000.params, after its outputs were found equal to an independent evaluation in NumPy.",
    )
    parser.add_argument("model", type=Path, metavar="MODEL.caffemodel")
    parser.add_argument("prototxt", type=Path, metavar="DEPLOY.prototxt")
    parser.add_argument("prefix", type=Path, metavar="OUT_PREFIX")
    parser.add_argument("--no-check", action="store_true", help="do not evaluate in NumPy (slow for large networks)")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads; 0 = all cores")
    options = parser.parse_args(arguments)
    use_threads(options.threads)
    return _import(options)


def _import(options) -> int:
    from lib.weights.caffe.build import build, export
    from lib.weights.caffe.check import check
    from lib.weights.caffe.read import read

    net = read(options.model, options.prototxt)
    built = build(net)
    count = sum(array.size for array in built.arg.values())
    active = [layer for layer in net.layers if layer.type == "AConvFast"]
    tell(f"{net.name}: {len(net.layers)} layers, {len(active)} of them AConvFast, {count:,} parameters")
    for layer in active:
        offset = built.arg[f"{layer.name}_offset"]
        tell(f"  {layer.name}: taps moved by {abs(offset).max():.3f} px at most from where training began")
    if options.no_check:
        tell("not checked (--no-check)")
    else:
        worst = max(check(net, built), key=lambda each: each.relative)
        tell(f"equal to NumPy: largest relative difference {worst.relative:.1e}, in layer {worst.layer}")
    for path in export(built, options.prefix):
        tell(str(path))
    return 0


if __name__ == "__main__":
    sys.exit(main())
