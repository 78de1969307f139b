# SPDX-License-Identifier: Apache-2.0
"""Draws what a run has learned into one picture, summary.png.

It reads what training and evaluation have left in the output folder, and the test images; no network runs.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from deeplab.data import STREETS, load_dataset
from lib.data import images
from lib.data.whole import scaled_pair
from lib.looking.layers import looking_layers, named_by_layer
from lib.looking.look import Layer
from lib.looking.places import Geometry
from lib.pictures import panels, taps
from lib.pictures.run_picture import WIDTH, draw_loss, write_summary
from lib.pictures.sampling import draw_sampling
from lib.pictures.style import picture
from lib.run import checkpoint, folder
from lib.run.program import tell

PICTURES = 2
LEAST_GAIN = 0.03  # meanIU that offsets must add before a run shows that they matter


def summary(cfg) -> Path:
    """Prints the run's numbers, draws summary.png and gives its path."""
    results, zero = folder.read_results(cfg)
    tell(headline(cfg, results, zero))
    if text := warning(cfg, results, zero):
        tell(text, sys.stderr)
    return draw(cfg, results, zero)


def headline(cfg, results: dict, zero: dict | None) -> str:
    """The run's numbers in one line."""
    text = f"{cfg.run.name}: meanIU {results['meanIU']:.3f}"
    occurring = results.get("meanIU_present", results["meanIU"])
    if occurring != results["meanIU"]:
        text += f" ({occurring:.3f} over the classes that occur)"
    text += f" after {results['epoch']} epochs"
    if zero:
        gain = results["meanIU"] - zero["meanIU"]
        text += f"; with its offsets set to 0: {zero['meanIU']:.3f} ({gain:+.3f} from the offsets)"
    return text


def warning(cfg, results: dict, zero: dict | None) -> str:
    """What to say of a network whose offsets gain too little over zero offsets on the streets that were drawn to show
    a gain; '' for all others."""
    if Path(cfg.dataset.dataset_path) != STREETS or zero is None or results["meanIU"] - zero["meanIU"] >= LEAST_GAIN:
        return ""
    gain = results["meanIU"] - zero["meanIU"]
    return f"warning: the demonstration shows nothing: offsets add {gain:+.3f} meanIU, expected at least {LEAST_GAIN}"


def draw(cfg, results: dict, zero: dict | None) -> Path:
    """Writes <output_path>/<run name>/summary.png and gives its path."""
    dataset = load_dataset(cfg, cfg.dataset.test_image_set)
    layers = looking_layers(checkpoint.read_graph(folder.prefix(cfg)))
    offsets = named_by_layer(layers, checkpoint.read_offsets(folder.prefix(cfg), results["epoch"]))
    columns = ["image", "truth", "prediction"] + (["prediction, offsets set to 0"] if zero else [])
    height, width = dataset.image(dataset.records[0]).shape[:2]
    heights = [len(_chosen(dataset)) * (WIDTH / len(columns) - 0.1) * height / width + 1.0]
    heights += [3.4] if offsets else []
    heights += [3.9]
    figure = Figure(figsize=(WIDTH, sum(heights) + 0.5), layout="constrained")
    figure.get_layout_engine().set(h_pad=0.07)
    figure.suptitle(headline(cfg, results, zero), fontsize=13, fontweight="bold")
    blocks = list(np.atleast_1d(figure.subfigures(len(heights), 1, height_ratios=heights, hspace=0.02)))
    _pictures(blocks.pop(0), cfg, dataset, columns)
    if offsets:
        _offsets(blocks.pop(0), cfg, offsets, dataset, results, zero)
    _numbers(blocks.pop(0), cfg, results, zero)
    return write_summary(cfg, figure)


def _chosen(dataset) -> np.ndarray:
    """Numbers of the test images that are shown, evenly spaced in the list, each once."""
    return np.unique(np.linspace(0, len(dataset.records) - 1, PICTURES + 2).astype(int)[1:-1])


def _pictures(block, cfg, dataset, columns) -> None:
    """Some test images: image, truth, prediction, prediction with offsets 0."""
    rows = len(_chosen(dataset))
    axes = block.subplots(rows, len(columns), squeeze=False, gridspec_kw={"wspace": 0.02, "hspace": 0.02})
    seen: set[int] = set()
    for row, number in enumerate(_chosen(dataset)):
        record = dataset.records[number]
        image, truth = dataset.pair(record)
        maps = [truth] + [_result(cfg, record, zero, truth.shape) for zero in (False, True)[: len(columns) - 2]]
        seen.update(*(np.unique(each).tolist() for each in maps))
        for axis, title, one in zip(axes[row], columns, [image, *(dataset.palette[each] for each in maps)]):
            picture(axis, one, title if row == 0 else "")
    classes = [index for index in range(dataset.num_classes) if index in seen]
    panels.class_legend(block, classes, dataset.class_names, dataset.palette)


def _offsets(block, cfg, offsets: dict[str, np.ndarray], dataset, results: dict, zero: dict | None) -> None:
    """One panel per active convolution, all to one scale, how to read them, and the last one's taps on a picture."""
    dilate = cfg.net.res5_dilate
    half = max(taps.reach(list(offsets.values()), dilate), dilate + 1.0)
    panes = [*offsets, "key", "picture"]
    ratios = [1.0] * len(offsets) + [0.9, 1.6]
    axes = block.subplots(1, len(panes), gridspec_kw={"width_ratios": ratios})
    for axis, (name, offset) in zip(axes, offsets.items()):
        taps.draw_taps(axis, name, offset, dilate, half)
    taps.draw_key(axes[-2], dilate, cfg.net.output_stride)
    # What the network saw: its layers' pixels are of that size.
    image, truth = scaled_pair(dataset, dataset.records[_chosen(dataset)[0]], cfg)
    shown = panels.telling_class(truth, results, zero)
    pixel = panels.middle_of(truth == shown, reach=max(2, truth.shape[0] // 12))
    draw_sampling(axes[-1], image, _last_layer(cfg, offsets, truth.shape), pixel)


def _last_layer(cfg, offsets: dict[str, np.ndarray], shape: tuple[int, int]) -> Layer:
    """The last active convolution as it stands over a picture that the network sees at this shape.

    Between them is one ResNet stem: its unpadded pooling puts the centre of feature pixel (0, 0) at image pixel (2, 2).
    """
    name, offset = list(offsets.items())[-1]
    dilate, stride = (cfg.net.res5_dilate,) * 2, (float(cfg.net.output_stride),) * 2
    size = tuple(-(-side // cfg.net.output_stride) for side in shape)
    origin = (2.0 - 2.0 * cfg.net.pool_pad,) * 2
    geometry = Geometry(offset.shape[2:4], (1, 1), dilate, dilate, stride, origin, size, size)
    return Layer(name, "active", geometry, offset.reshape(-1, geometry.taps, 2, 1, 1))


def _numbers(block, cfg, results: dict, zero: dict | None) -> None:
    """Loss curve and IoU per class."""
    left, right = block.subplots(1, 2, gridspec_kw={"width_ratios": [7, 5]})
    draw_loss(left, cfg, results)
    seen = np.array(results["confusion"]).any(axis=1)
    names = [name for name, one in zip(results["parts"], seen) if one]
    panels.class_bars(right, results, zero, names, "IoU per class that occurs in the test images")


def _result(cfg, record, zero_offsets: bool, size) -> np.ndarray:
    """The prediction that evaluation stored for a record, at the size of its truth."""
    path = folder.results_path(cfg, zero_offsets).with_suffix("") / record.city / f"{record.name}.png"
    return images.resize_label(images.read_label(path), size)


if __name__ == "__main__":  # the name that `python -m lib.commands.summary` had in earlier versions
    from lib.commands.summary import main

    sys.exit(main())
