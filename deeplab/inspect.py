# SPDX-License-Identifier: Apache-2.0
"""Shows where a trained network looks: python -m deeplab.inspect RUN IMAGE [--at y,x] [--layer L] [--out FOLDER]

It writes, each file completely or not at all:

    page.html       moving the pointer over the picture shows the points that the network reads for that pixel
    sampling.png    the points of one pixel in every layer, and through the last one, two and three layers
    field_L.png     offsets as arrows and colour over the picture, one panel per tap
    histogram_L.png the picture's offsets per tap and axis (not for active layers: theirs are the same everywhere)
    taps.png        active layers: the taps over the regular grid;    taps.gif: over the epochs
    offsets.txt     active layers: the tables in the report's form
    look.npz        the numbers behind all of it, see deeplab/pictures/look.py
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from deeplab.config import ConfigError
from deeplab.core.threads import use_threads

DPI = 110


def main(arguments: list[str] | None = None) -> int:
    """Gives the exit status: 0, or 1 after an error told on standard error."""
    parser = argparse.ArgumentParser("python -m deeplab.inspect", description="Show where a trained network looks.")
    parser.add_argument("run", help="folder of a run (output/streets/quick_acn), or its name")
    parser.add_argument("image", type=Path, help="a picture of any size; with Cityscapes' folders its truth is found")
    parser.add_argument(
        "--at",
        metavar="y,x",
        help="pixel of the picture; default: where the taps of --layer, else the last, move furthest",
    )
    parser.add_argument("--layer", default="", help="only this layer, such as res5a_branch2b")
    parser.add_argument("--epoch", type=int, default=0, help="default: the last one")
    parser.add_argument("--out", type=Path, help="folder; default: <run>/inspect/<name of the picture>")
    options = parser.parse_args(arguments)
    try:
        return _inspect(options)
    except (ConfigError, OSError, ValueError, RuntimeError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def parse_place(text: str, height: int, width: int) -> tuple[int, int]:
    """The pixel (y, x) of `--at y,x`. Raises ValueError if it is none, or lies outside a picture of this size."""
    parts = text.split(",")
    if len(parts) != 2 or not all(part.strip().lstrip("-").isdigit() for part in parts):
        raise ValueError(f"--at {text}: expected two whole numbers y,x such as 64,96")
    y, x = map(int, parts)
    if not (0 <= y < height and 0 <= x < width):
        raise ValueError(f"--at {text}: outside the picture, whose y is 0 to {height - 1} and x 0 to {width - 1}")
    return y, x


def _inspect(options) -> int:
    from deeplab.dataset import pictures, truth_of
    from deeplab.pictures import look as looks
    from deeplab.pictures.runs import find

    run = find(options.run)
    cfg = run.settings()
    image = pictures.read_image(options.image)
    place = parse_place(options.at, *image.shape[:2]) if options.at else None
    truth = truth_of(cfg, options.image)
    use_threads(cfg.run.threads)  # before anything imports MXNet
    from deeplab.core.looking import Looker
    from deeplab.core.predictor import Predictor

    looker = Looker(cfg, Predictor(cfg, options.epoch))
    if options.layer and options.layer not in looker.names:
        raise ValueError(f"--layer {options.layer}: {run.name} has {', '.join(looker.names) or 'no such layers'}")
    look = looker.look(image, options.image.stem, truth)
    pixel = look.pixel_moved_most(options.layer) if place is None else tuple(int(part * look.zoom) for part in place)
    out = options.out or run.folder / "inspect" / options.image.stem
    out.mkdir(parents=True, exist_ok=True)
    looks.save(out / "look.npz", look)
    for path in write(out, run, look, pixel, options.layer):
        print(path)
    return 0


def write(out: Path, run, look, pixel: tuple[int, int], layer: str = "") -> list[Path]:
    """Writes everything but look.npz into the folder `out` and gives the paths, the page's last.

    run: `pictures.runs.Run`, for what its epochs were. pixel: (y, x) in look.image. layer: only this one; '' means all.
    """
    from deeplab.core.atomic import replacing
    from deeplab.pictures import page, taps

    paths = []
    for name, figure in _figures(look, pixel, layer):
        with replacing(out / name) as new:
            figure.savefig(new, format="png", dpi=DPI)
        paths.append(out / name)
    texts: dict[str, bytes] = {}
    active = [each for each in look.layers if each.kind == "active" and layer in ("", each.name)]
    epochs, stacks = run.offsets_over_epochs()
    stacks = {each.name: stacks[each.name] for each in active if each.name in stacks}
    if active:
        tables = {each.name: each.offset.reshape(each.sets, *each.geometry.kernel, 2) for each in active}
        texts["offsets.txt"] = (taps.tables(tables) + "\n").encode()
    if stacks:
        texts["taps.gif"] = taps.animation(epochs, stacks, {each.name: each.geometry.dilate[0] for each in active})
    texts["page.html"] = page.build(look, pixel, layer).encode()
    for name, content in texts.items():
        with replacing(out / name) as new:
            new.write_bytes(content)
        paths.append(out / name)
    return paths


def _figures(look, pixel, layer):
    """(file name, figure) of every picture."""
    from matplotlib.figure import Figure

    from deeplab.pictures import field, histogram, taps
    from deeplab.pictures.sampling import draw_overview

    shown = [each for each in look.layers if layer in ("", each.name)]
    if not shown:
        return
    height = look.image.shape[0] / look.image.shape[1]
    figure = Figure(figsize=(13, 0.7 + 4.2 * height * (1 + (len(shown) > 1))), layout="constrained")
    draw_overview(figure, look, shown, pixel)
    yield "sampling.png", figure
    for each in shown:
        figure = Figure(figsize=(13, 0.7 + 12 * height), layout="constrained")
        figure.suptitle(f"{look.run}, {each.name}: how each tap is moved", fontsize=12)
        field.draw_fields(figure, look.image, each)
        yield f"field_{each.name}.png", figure
        if each.kind != "active":
            figure = Figure(figsize=(13, 5.8), layout="constrained")
            counted = histogram.histograms({f"{look.run}, {each.name}": each.offset[None]})
            histogram.draw_histograms(figure, counted, each.geometry.kernel)
            yield f"histogram_{each.name}.png", figure
    active = [each for each in shown if each.kind == "active"]
    if active:
        figure = Figure(figsize=(4.2 * len(active), 4.6), layout="constrained")
        offsets = [each.offset.reshape(each.sets, 1, *each.geometry.kernel, 2) for each in active]
        half = max(taps.reach([offset], each.geometry.dilate[0]) for each, offset in zip(active, offsets))
        for axis, each, offset in zip(figure.subplots(1, len(active), squeeze=False)[0], active, offsets):
            taps.draw_taps(axis, each.name, offset, each.geometry.dilate[0], half)
        yield "taps.png", figure


if __name__ == "__main__":
    sys.exit(main())
