# SPDX-License-Identifier: Apache-2.0
"""Effective dilations by the size of the object on which a filter stands (Dai et al. 2017, table 2):

python -m detection.dilations CONFIG-or-RUN [--small 96] [--large 224] [--pictures 100] [key=value ...]
"""

from __future__ import annotations

import sys

import numpy as np

from lib.commands.arguments import no_files, parse, parser, read_config_or_run
from lib.data.boxes import Objects
from lib.looking.effective_dilation import centres, effective_dilation
from lib.run.program import program, tell
from lib.run.threads import use_threads

KINDS = ("small", "medium", "large", "background")


@program
def main(arguments: list[str] | None = None) -> int:
    """Gives the exit status: 0, or 1 after an error told on standard error."""
    made = parser("detection.dilations", "How far apart the taps of each convolution are, by size of object.",
                  "CONFIG-or-RUN")  # fmt: skip
    made.add_argument("--small", type=float, default=96, help="side of a square: below its area an object is small")
    made.add_argument(
        "--large", type=float, default=224, help="and above that of this side large (default %(default)s)"
    )
    made.add_argument("--pictures", type=int, default=100, help="of the test set, from its first (default %(default)s)")
    made.add_argument("--epoch", type=int, default=0, help="default: TEST.test_epoch, else the last one")
    options = parse(made, arguments)
    no_files(made, options)
    system, cfg, _ = read_config_or_run(options, of="detection")
    use_threads(cfg.run.threads)  # before anything imports a framework
    from lib.predictors import predictor

    looker, data = system.looker(cfg, predictor(system, cfg, options.epoch)), system.dataset(cfg)
    found: dict[str, list[np.ndarray]] = {}
    for record in data.records[: options.pictures]:
        look = looker.look(data.image(record), record.name)
        kinds = kind_map(record.objects, record.size, options.small, options.large)
        for layer in look.layers:
            found.setdefault(layer.name, []).append(by_kind(layer, kinds, look.zoom))
    if not found:
        raise ValueError(f"{cfg.run.name}: its network has no convolution that learns where to look")
    for line in table(found):
        tell(line)
    return 0


def kind_map(objects: Objects, size: tuple[int, int], small: float, large: float) -> np.ndarray:
    """Which of KINDS each pixel of a picture belongs to, uint8 (height, width); where objects overlap, the smallest."""
    made = np.full(size, KINDS.index("background"), np.uint8)
    sides = objects.boxes[:, 2:] - objects.boxes[:, :2] + 1
    areas = sides[:, 0] * sides[:, 1]
    for number in np.argsort(-areas, kind="stable"):
        x1, y1, x2, y2 = np.round(objects.boxes[number]).astype(int)
        kind = 0 if areas[number] < small**2 else 2 if areas[number] > large**2 else 1
        made[y1 : y2 + 1, x1 : x2 + 1] = kind
    return made


def by_kind(layer, kinds: np.ndarray, zoom: float) -> np.ndarray:
    """(cells, 2): kind of the object under a cell's middle, and the cell's effective dilation. zoom: network pixels per
    pixel of `kinds`. Cells whose middle lies outside the picture are left out."""
    places = np.floor((centres(layer) + 0.5) / zoom).astype(int).reshape(-1, 2)
    inside = ((places >= 0) & (places < kinds.shape)).all(axis=1)
    values = effective_dilation(layer).reshape(-1)
    return np.stack([kinds[tuple(places[inside].T)], values[inside]], axis=1)


def table(found: dict[str, list[np.ndarray]]) -> list[str]:
    """A line per layer: mean and standard deviation of each kind, '-' where there is none."""
    lines = [f"{'layer':<24}" + "".join(f"{kind:>16}" for kind in KINDS)]
    for name, parts in found.items():
        kinds, values = np.concatenate(parts).T
        own = [values[kinds == number] for number in range(len(KINDS))]
        told = [f"{each.mean():.1f} +- {each.std():.1f}" if len(each) else "-" for each in own]
        lines.append(f"{name:<24}" + "".join(f"{each:>16}" for each in told))
    return lines


if __name__ == "__main__":
    sys.exit(main())
