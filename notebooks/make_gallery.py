# SPDX-License-Identifier: Apache-2.0
"""Draws the pictures of docs/gallery.md from notebooks/sample: python notebooks/make_gallery.py

The page's screenshot is not among them: it is taken in a browser.
"""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure

from lib.pictures import field, histogram, report, sampling, taps
from lib.pictures.runs import Run
from lib.run.atomic import replacing

FOLDER = Path(__file__).resolve().parent
IMAGES = FOLDER.parent / "docs" / "images"
REPORT = FOLDER.parent / "experiments" / "deeplab" / "published_offsets.json"


def store(figure: Figure, name: str, dpi: int = 90) -> None:
    kind = "jpeg" if name.endswith(".jpg") else "png"
    options = {"pil_kwargs": {"quality": 85}} if kind == "jpeg" else {}
    with replacing(IMAGES / name) as new:
        figure.savefig(new, format=kind, dpi=dpi, **options)
    print(name, (IMAGES / name).stat().st_size)


def figure_of(width: float, height: float) -> Figure:
    return Figure(figsize=(width, height), layout="constrained")


def main() -> None:
    active, deformable, modulated, deep = (
        Run(FOLDER / "sample" / name) for name in ("quick_acn", "quick_dcn", "quick_modulated", "quick_dcn_deep")
    )
    star = deformable.look().pixel_moved_most()

    figure = figure_of(13, 9)
    report.draw_report(figure, report.read_report(REPORT))
    store(figure, "report_offsets.png")

    figure = figure_of(13, 3.4)
    for axis, run in zip(figure.subplots(1, 3), (active, deformable, modulated)):
        look = run.look()
        sampling.draw_sampling(axis, look.image, look.layers[-1], star, f"{run.name}: {run.kind}")
    store(figure, "one_pixel.jpg")

    figure = figure_of(13, 3.4)
    look = deep.look()
    for count, axis in enumerate(figure.subplots(1, 3), 1):
        sampling.draw_trace(axis, look.image, look.layers[-count:], star)
    store(figure, "three_layers.jpg")

    look = deformable.look()
    figure = figure_of(11, 7.6)
    field.draw_fields(figure, look.image, look.layers[-1])
    store(figure, "offset_field.jpg")

    layer = "res5a_branch2b"
    figure = figure_of(13, 5.4)
    runs = (deformable, modulated, deep)
    histogram.draw_histograms(figure, histogram.histograms({run.name: run.offset_sample(3)[layer] for run in runs}))
    store(figure, "offset_histograms.png", dpi=80)

    epochs, stacks = active.offsets_over_epochs()
    with replacing(IMAGES / "taps.gif") as new:
        new.write_bytes(taps.animation(epochs, stacks, 1, size=4.0))


if __name__ == "__main__":
    main()
