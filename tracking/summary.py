# SPDX-License-Identifier: Apache-2.0
"""Draws what a run has learned: summary.png with followed films, where the last layer looks, the loss and the numbers
by part; and tracked.gif, the same films moving.

It reads what training and evaluation have left in the output folder; no network runs.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from lib.data.sequences import Sequence
from lib.metrics.success import OVERLAPS
from lib.pictures import panels
from lib.pictures.run_picture import WIDTH, draw_loss, write_summary
from lib.pictures.sampling import draw_sampling
from lib.pictures.style import LEARNED, ZERO, open_spines, picture
from lib.run import folder
from lib.run.atomic import write_bytes
from lib.run.damage import read_arrays
from lib.run.program import tell
from tracking.data import load_sequences
from tracking.evaluation import BOXES, shown
from tracking.looker import read_strips
from tracking.pictures import FOUND, FOUND_ZERO, TRUTH, beside, clip, framed, places_of, target_pixel

COLUMNS = 6


def summary(cfg) -> Path:
    """Prints the run's numbers, draws summary.png and tracked.gif and gives the path of the first."""
    results, zero = folder.read_results(cfg)
    text = headline(cfg, results, zero)
    tell(text)
    films = shown(cfg, load_sequences(cfg, cfg.dataset.test_image_set))
    found = {FOUND: _boxes(cfg, films, False), **({FOUND_ZERO: _boxes(cfg, films, True)} if zero else {})}
    kept = folder.results_path(cfg).with_suffix("")
    strips = read_strips(kept)
    missing = [film.name for film in films if len(film) > 1 and film.name not in strips]
    if missing:  # an earlier version's evaluation
        raise ValueError(f"{kept}: has no look_{missing[0]}_0.npz; evaluate again (./test.sh CONFIG)")
    seen = [strips[film.name][len(strips[film.name]) // 2] for film in films if film.name in strips]
    looking = bool(seen and seen[0].layers)
    image = films[0].image(0)
    high = WIDTH / COLUMNS * image.shape[0] / image.shape[1] + 0.12
    heights = [high * len(films) + 0.3, *([4.4] if looking else []), 3.7]
    figure = Figure(figsize=(WIDTH, sum(heights) + 0.5), layout="constrained")
    figure.suptitle(text, fontsize=12, fontweight="bold")
    blocks = list(figure.subfigures(len(heights), 1, height_ratios=heights))
    _films(blocks.pop(0), films, found)
    if looking:
        _looks(blocks.pop(0), seen)
    _numbers(blocks.pop(0), cfg, results, zero)
    place = Path(cfg.output_path) / cfg.run.name
    write_bytes(place / "tracked.gif", _clip(films, found))
    tell(str(place / "tracked.gif"))
    return write_summary(cfg, figure)


def headline(cfg, results: dict, zero: dict | None) -> str:
    """The run's numbers in one line."""
    text = (f"{cfg.run.name}: AUC {results['value']:.3f}, accuracy {results['accuracy']:.3f}, {results['failures']} "
            f"failures after {results['epoch']} epochs")  # fmt: skip
    if zero:
        text += f"; with its offsets set to 0: {zero['value']:.3f}, {zero['accuracy']:.3f}, {zero['failures']}"
    return text


def _boxes(cfg, films: list[Sequence], zero: bool) -> dict[str, np.ndarray]:
    """What the tracker has found. Raises ValueError if that was in other films."""
    path = folder.results_path(cfg, zero).with_suffix("") / BOXES
    found = read_arrays(path, "evaluate again (./test.sh CONFIG)")
    for film in films:
        if len(found.get(film.name, ())) != len(film):
            raise ValueError(f"{path}: expected a box for each of {len(film)} frames of {film.name}, got "
                             f"{len(found.get(film.name, ()))}; evaluate again (./test.sh CONFIG)")  # fmt: skip
    return found


def _drawn(film: Sequence, frame: int, found: dict):
    boxes = {TRUTH: film.boxes[frame], **{colour: each[film.name][frame] for colour, each in found.items()}}
    return framed(film.image(frame), boxes)


def _clip(films: list[Sequence], found: dict) -> bytes:
    """All films side by side, as long as the shortest."""
    frames = range(min(map(len, films)))
    return clip([beside([_drawn(film, frame, found) for film in films]) for frame in frames])


def _films(block, films: list[Sequence], found: dict) -> None:
    axes = block.subplots(len(films), COLUMNS, squeeze=False, gridspec_kw={"wspace": 0.02, "hspace": 0.02})
    for row, film in zip(axes, films):
        for axis in row:
            axis.axis("off")
        for axis, frame in zip(row, places_of(len(film), COLUMNS)):
            axis.axis("on")
            picture(axis, np.asarray(_drawn(film, frame, found)))
            axis.set_title(f"{film.name}, frame {frame + 1}", fontsize=8)
    other = "; orange: with offsets set to 0" if FOUND_ZERO in found else ""
    block.suptitle(f"one pass without help; yellow: the target, blue: what is followed{other}", fontsize=10)


def _looks(block, seen: list) -> None:
    """Where the last layer looks from the middle of what was found."""
    axes = block.subplots(1, max(len(seen), 3), squeeze=False)[0]
    for axis in axes[len(seen) :]:
        axis.axis("off")
    for axis, look in zip(axes, seen):
        layer = look.layers[-1]
        title = f"{look.picture}: {layer.name.rpartition('resnet.')[2]}, moved {layer.moved().mean():.2f} cells"
        draw_sampling(axis, look.image, layer, target_pixel(look, layer), title)
        axis.title.set_fontsize(8)


def _numbers(block, cfg, results: dict, zero: dict | None) -> None:
    """Loss curve, success curve, and AUC by part."""
    left, middle, right = block.subplots(1, 3, gridspec_kw={"width_ratios": [5, 4, 4]})
    draw_loss(left, cfg, results, "class and box")
    for each, colour in ((results, LEARNED), *([(zero, ZERO)] if zero else [])):
        middle.plot(OVERLAPS, each["success"], color=colour)
    middle.set(xlim=(0, 1), ylim=(0, 1))
    middle.set_xlabel("overlap", fontsize=9)
    middle.set_title("Share of frames above an overlap", fontsize=10)
    open_spines(middle)
    panels.class_bars(right, results, zero, list(results["parts"]), "AUC by part")
