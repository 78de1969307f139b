# SPDX-License-Identifier: Apache-2.0
"""Shows where a trained network looks: python -m lib.commands.inspect CONFIG-or-RUN IMAGE [--at y,x]

It writes, each file completely or not at all:

    page.html       moving the pointer over the picture shows the points that the network reads for that pixel, and, of
                    detection, where a deformable pooling moves the parts of the box that was found there
    sampling.png    the points of one pixel in every layer, and through the last one, two and three layers
    field_L.png     offsets as arrows and colour over the picture, one panel per tap
    histogram_L.png the picture's offsets per tap and axis (not for active layers: theirs are the same everywhere)
    taps.png        active layers: the taps over the regular grid;    taps.gif: over the epochs
    offsets.txt     active layers: the tables in the report's form
    windows_L.png   dynamic filters: the windows that one position reads, and its kernels
    bins.png        detection: where a deformable pooling moves the parts of one box, the surest one at that pixel
    look.npz        the numbers behind all of it, see lib/looking/look.py
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

from lib.commands.arguments import parse, parser, path, read_config_or_run
from lib.run.program import program, tell
from lib.run.threads import use_threads

DPI = 110


@program
def main(arguments: list[str] | None = None) -> int:
    """Gives the exit status: 0, or 1 after an error told on standard error."""
    made = parser("lib.commands.inspect", "Show where a trained network looks.", "CONFIG-or-RUN", more=True)
    made.add_argument("--at", metavar="y,x", help="pixel of the picture; default: where the taps of --layer, else the "
                      "last, move furthest")  # fmt: skip
    made.add_argument("--layer", default="", help="only this layer or dynamic filter, such as res5a_branch2b")
    made.add_argument("--epoch", type=int, default=0, help="default: the last one")
    made.add_argument("--params", type=path, help="a .params file of whatever origin, not one of the run's epochs")
    made.add_argument("--out", type=path, help="folder; default: <run>/inspect/<name of the picture>")
    options = parse(made, arguments)
    if len(options.files) != 1:
        made.error(f"expected one picture, got {' '.join(options.files) or 'none'}")
    options.image = Path(options.files[0])
    return _inspect(options)


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
    from lib.data import images
    from lib.predictors import parameters_of
    from lib.run.folder import Lock

    system, cfg, run = read_config_or_run(options, run_first=True)
    truth = system.truth_of(cfg, options.image)
    image = images.read_image(options.image, upright=truth is not None)
    if truth is not None:
        images.check_sizes(options.image, "its labels", image.shape[:2], truth.shape)
    place = parse_place(options.at, *image.shape[:2]) if options.at else None
    if not options.params:
        parameters_of(cfg, options.epoch)  # what is not there is told before a folder is made
    out = options.out or Path(cfg.output_path) / cfg.run.name / "inspect" / options.image.stem
    out.mkdir(parents=True, exist_ok=True)
    with Lock(out, "inspecting"):  # the files of two at once would be mixed
        for each in _look(system, cfg, run or _run_of(cfg), options, out, (image, truth, place)):
            tell(str(each))
    return 0


def _look(system, cfg, run, options, out: Path, shown) -> list[Path]:
    """Looks at the picture, and writes everything. shown: the picture, its truth or None, a pixel or None."""
    from lib.looking import look as looks
    from lib.looking.filters import filter_layers
    from lib.run.atomic import write_with

    image, truth, place = shown
    use_threads(cfg.run.threads)  # before anything imports a framework
    from lib.predictors import predictor

    made = predictor(system, cfg, options.epoch, file=options.params)
    looker = system.looker(cfg, made)
    known = [*looker.names, *(each.name for each in filter_layers(made.engine.network.graph))]
    if options.layer and options.layer not in known:
        raise ValueError(f"--layer {options.layer}: {cfg.run.name} has {', '.join(known) or 'no such layers'}")
    look = looker.look(image, options.image.stem, truth)
    pixel = look.pixel_moved_most(options.layer) if place is None else look.seen_pixel(place)
    looks.save(out / "look.npz", look)
    more = system.more_figures(cfg, made, image, place)
    for name, figure in more.items():
        write_with(out / name, partial(figure.savefig, format="png", dpi=DPI))
    paths = write(out, None if options.params else run, look, pixel, options.layer, place)
    return [*(out / name for name in more), *paths]


def _run_of(cfg):
    """The run that a configuration has trained, None if it has not."""
    from lib.pictures.runs import Run, RunError

    try:
        return Run(Path(cfg.output_path) / cfg.run.name)
    except RunError:
        return None


def write(out: Path, run, look, pixel: tuple[int, int], layer: str = "", place=None) -> list[Path]:
    """Writes everything but look.npz into the folder `out` and gives the paths, the page's last.

    run: `lib.pictures.runs.Run`, for what its epochs were, or None. pixel: (y, x) in look.image.
    layer: only this one; '' means all. place: the pixel of the picture's file that was asked for, for titles.
    """
    from lib.pictures import page, taps
    from lib.run.atomic import write_bytes, write_with

    paths = []
    for name, figure in _figures(look, pixel, layer, place or look.file_pixel(pixel)):
        write_with(out / name, partial(figure.savefig, format="png", dpi=DPI))
        paths.append(out / name)
    texts: dict[str, bytes] = {}
    active = [each for each in look.layers if each.kind == "active" and layer in ("", each.name)]
    epochs, stacks = run.offsets_over_epochs() if run else ([], {})
    stacks = {each.name: stacks[each.name] for each in active if each.name in stacks}
    if active:
        tables = {each.name: each.offset.reshape(each.sets, *each.geometry.kernel, 2) for each in active}
        texts["offsets.txt"] = (taps.tables(tables) + "\n").encode()
    if stacks:
        texts["taps.gif"] = taps.animation(epochs, stacks, {each.name: each.geometry.dilate[0] for each in active})
    texts["page.html"] = page.build(look, pixel, layer).encode()
    for name, content in texts.items():
        write_bytes(out / name, content)
        paths.append(out / name)
    return paths


def _figures(look, pixel, layer, place):
    """(file name, figure) of every picture."""
    from matplotlib.figure import Figure

    from lib.pictures import field, histogram, taps
    from lib.pictures.sampling import draw_overview
    from lib.pictures.windows import windows_figure

    shown = [each for each in look.layers if layer in ("", each.name)]
    for each in (each for each in look.filters if layer in ("", each.layer.name)):
        yield f"windows_{each.layer.name}.png", windows_figure(look.run, look.image, each, pixel)
    if not shown:
        return
    height = look.image.shape[0] / look.image.shape[1]
    figure = Figure(figsize=(13, 0.7 + 4.2 * height * (1 + (len(shown) > 1))), layout="constrained")
    draw_overview(figure, look, shown, pixel, place)
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
