# SPDX-License-Identifier: Apache-2.0
"""Draws docs/images/architecture.png from the imports of the tracked Python files: python scripts/draw_architecture.py

A box is a package; it stands above everything that it imports, and its lines lead down to that. A line that others
imply (a imports b, which imports c: so a may know c) is left out. An import that leads up would make a circle: the
script then ends with an error that names it.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "docs" / "images" / "architecture.png"
PACKAGES = {
    "operators.for_mxnet": "MXNet front",
    "operators.for_torch": "PyTorch front",
    "operators.for_numpy": "NumPy front",
    "operators.checks": "the harness that tests rooms",
    "operators.gpu_suite": "tests and times a GPU",
    "operators.doctor": "what is installed and served",
    "operators.__main__": "python -m operators",
    "operators": "core and rooms (C++, CUDA)",
    "lib.config": "keys, YAML, command line",
    "lib.run": "loop, run folder, checkpoints",
    "lib.looking": "who looks where",
    "lib.data": "images, data sets, streets",
    "lib.metrics": "measures",
    "lib.boxes": "anchors, proposals, targets",
    "lib.engines.mxnet": "runs graphs with MXNet",
    "lib.engines.torch": "runs graphs with PyTorch",
    "lib.engines.engine": "the interface of both",
    "lib.engines": "opens the one that is named",
    "lib.nets": "Symbol builders",
    "lib.modules": "torch modules",
    "lib.pictures": "plots and pages",
    "lib.weights": "converters, pretrained",
    "lib.weights.onnx.__main__": "python -m lib.weights.onnx",
    "lib.launch": "workers and servers",
    "lib.commands": "train, test, predict, ...",
    "lib.predictors": "trained networks",
    "lib.graphs": "graphs as text",
    "lib": "what a system is",
    "deeplab": "system: segmentation",
    "detection": "system: boxes",
    "classify": "system: classification",
    "flow": "system: optical flow",
    "tracking": "system: tracking",
    "experiments": "configurations, ledger, sweeps",
    "benchmarks": "how fast, how far it scales",
}
SYSTEM = "#fbe8cf"
COLOURS = {"operators": "#d9e8f5", "lib": "#e6f2dd", "deeplab": SYSTEM, "detection": SYSTEM, "classify": SYSTEM,
           "flow": SYSTEM, "tracking": SYSTEM, "experiments": "#eee3f3"}  # fmt: skip
WIDTH, HEIGHT = 2.15, 0.62


def package_of(module: str) -> str | None:
    """The most special package of the table that a module belongs to."""
    parts = module.split(".")
    names = (".".join(parts[:count]) for count in range(len(parts), 0, -1))
    return next((name for name in names if name in PACKAGES), None)


def arrows(root: Path = ROOT) -> dict[str, Counter]:
    """{package: {package that it imports: by how many files}}, of all tracked files that are no tests."""
    listed = subprocess.run(["git", "ls-files", "*.py"], cwd=root, capture_output=True, text=True, check=True).stdout
    found: dict[str, Counter] = defaultdict(Counter)
    for name in listed.split():
        path = Path(name)
        if path.parts[0] == "tests" or path.name.startswith(("test_", "cases")) or len(path.parts) < 2:
            continue
        own = package_of(".".join(path.with_suffix("").parts))
        if own is None or not (root / path).is_file():
            continue
        for target in {package_of(each) for each in _imports((root / path).read_text(encoding="utf-8"))} - {own, None}:
            found[own][target] += 1
    return found


def _imports(source: str) -> set[str]:
    modules = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            modules.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            modules.update(f"{node.module}.{alias.name}" for alias in node.names)
    return modules


def floors(found: dict[str, Counter]) -> dict[str, int]:
    """Each package's floor: one above the highest of those that it imports. Raises ValueError for a circle."""
    made: dict[str, int] = {}

    def floor(name: str, way: tuple[str, ...]) -> int:
        if name in way:
            raise ValueError(f"imports in a circle: {' -> '.join((*way[way.index(name) :], name))}")
        if name not in made:
            made[name] = max((floor(each, (*way, name)) + 1 for each in found.get(name, ())), default=0)
        return made[name]

    for name in PACKAGES:
        floor(name, ())
    return made


def reduced(found: dict[str, Counter]) -> dict[str, Counter]:
    """Without the arrows that lead where a longer way leads too."""

    def below(name: str) -> set[str]:
        return {deep for each in found.get(name, ()) for deep in (each, *below(each))}

    return {
        name: Counter({t: n for t, n in targets.items() if not any(t in below(o) for o in targets if o != t)})
        for name, targets in found.items()
    }


def draw(found: dict[str, Counter], level: dict[str, int]) -> Figure:
    rows: dict[int, list[str]] = defaultdict(list)
    for name in PACKAGES:
        if name in found or any(name in each for each in found.values()):
            rows[level[name]].append(name)
    widest = max(map(len, rows.values()))
    place = {}
    for height, names in rows.items():
        for number, name in enumerate(names):
            place[name] = ((number + 0.5) * (widest / len(names)) * (WIDTH + 0.3), height * 1.5)
    figure = Figure(figsize=(widest * 2.1, len(rows) * 1.25), layout="constrained")
    axis = figure.subplots()
    for name, targets in found.items():
        for target, count in targets.items():
            (x0, y0), (x1, y1) = place[name], place[target]
            line = {"arrowstyle": "-|>", "color": "#5a6470", "alpha": 0.55, "linewidth": 0.5 + 0.25 * min(count, 8)}
            axis.annotate("", (x1, y1 + HEIGHT / 2), (x0, y0 - HEIGHT / 2), arrowprops=line, zorder=1)
    for name, (x, y) in place.items():
        colour = COLOURS.get(name.split(".")[0], "#f0f0f0")
        corner, style = (x - WIDTH / 2, y - HEIGHT / 2), "round,pad=0.02"
        box = FancyBboxPatch(corner, WIDTH, HEIGHT, boxstyle=style, facecolor=colour,
                             edgecolor="#40474f", linewidth=0.8, zorder=2)  # fmt: skip
        axis.add_patch(box)
        axis.text(x, y + 0.11, name, ha="center", va="center", fontsize=10, fontweight="bold", zorder=3)
        axis.text(x, y - 0.14, PACKAGES[name], ha="center", va="center", fontsize=8, color="#40474f", zorder=3)
    axis.set_xlim(0, widest * (WIDTH + 0.3))
    axis.set_ylim(-0.6, max(rows) * 1.5 + 0.6)
    axis.axis("off")
    return figure


def main() -> int:
    found = arrows()
    try:
        figure = draw(reduced(found), floors(found))
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    OUT.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(OUT, dpi=110, metadata={"Software": None})
    print(OUT.relative_to(ROOT))
    return 0


if __name__ == "__main__":
    sys.exit(main())
