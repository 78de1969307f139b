# SPDX-License-Identifier: Apache-2.0
"""The same graph trained by both engines, MXNet's and PyTorch's, step by step on the same images from the same start.

    python -m examples.two_frameworks [--steps 100] [--batch 4] [--out docs/images/two_frameworks.png]

After the experiment of Qu and Mousavy's slides, Deformable Convolution Networks: their network for digits (262,876
parameters) and their smallest test, one deformable convolution on a 4 x 5 map with a square loss. Prints the largest
difference of the losses and draws them.

In float64 the frameworks agree to the last digits. In float32 they part: a sum that is nearly zero falls on either side
of a ReLU, and an offset that is nearly zero on either side of a lattice line, and every later step builds on it.
"""

from __future__ import annotations

import argparse

from examples.arguments import count, picture
from examples.two_frameworks import digits, tiny
from examples.two_frameworks.plot import draw
from examples.two_frameworks.problem import Problem, train


def main(arguments: list | None = None) -> dict:
    """Gives the largest difference between the losses of both engines: curve title -> difference."""
    parser = argparse.ArgumentParser("python -m examples.two_frameworks", description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=count, default=100)
    parser.add_argument("--batch", type=count, default=4, help="images of each step of the network for digits")
    parser.add_argument("--out", type=picture, help="write a plot to this file")
    options = parser.parse_args(arguments)
    small, large = tiny.problem(options.steps), digits.problem(options.steps, options.batch)
    curves = {
        "4 x 5 map, float32": compare(small, "float32"),
        "digits, float32": compare(large, "float32"),
        "digits, float64": compare(large, "float64"),
    }
    differences = {}
    for name, (mxnet, torch) in curves.items():
        difference = max(abs(a - b) for a, b in zip(mxnet, torch))
        differences[name] = difference
        print(
            f"{name}: loss {mxnet[0]:.6f} to {mxnet[-1]:.6f} in {len(mxnet)} steps, largest difference {difference:.1e}"
        )
    if options.out:
        draw(curves, options.out)
        print(f"wrote {options.out}")
    return differences


def compare(problem: Problem, precision: str) -> tuple[list[float], list[float]]:
    """(losses in MXNet, losses in PyTorch)"""
    return train(problem, "mxnet", precision), train(problem, "torch", precision)


if __name__ == "__main__":
    main()
