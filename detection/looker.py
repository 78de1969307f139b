# SPDX-License-Identifier: Apache-2.0
"""Runs a trained network on a picture and gives, beside what it finds, the offsets and masks that it used."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from detection.batches import network_inputs
from detection.bins import ChosenBox, moved_boxes, pooled_bins, pooling_outputs, poolings, shown_detection
from detection.data import class_names
from detection.predictor import SHOWN, Detections, Predictor
from detection.schema import from_file
from lib.data import images
from lib.data.boxes import Objects
from lib.data.images import DatasetError
from lib.data.labels import ignored
from lib.data.voc_boxes import read_annotation
from lib.data.voc_labels import colours
from lib.looking import look as looks
from lib.looking.filters import filters_inside
from lib.looking.layers import looking_layers
from lib.looking.look import Look
from lib.looking.seen import convolutions, seen_layers, wanted_outputs
from lib.run.atomic import write_arrays
from lib.run.damage import read_arrays

LOOK, PARTS = "box_look.npz", "box.npz"


class Looker:
    """The network of a `Predictor`, asked for its insides.

    names: of the convolutions that learn where to look, in the network's order. checkpoint: SHA-256 of its parameters'
    file.
    """

    def __init__(self, cfg, predictor: Predictor):
        self._cfg, self._predictor = cfg, predictor
        self.checkpoint = predictor.digest
        self._graph = predictor.engine.network.graph
        self._layers, self._poolings = convolutions(self._graph), poolings(self._graph)
        self.names = [layer.name for layer in self._layers]

    def look(self, image: np.ndarray, name: str, truth: np.ndarray | None = None) -> Look:
        """image: uint8 (h, w, 3) RGB of any size. name: for titles. truth: as `truth_of` gives it."""
        cfg, engine = self._cfg, self._predictor.engine
        seen, scale, inputs = network_inputs(cfg, image)
        wanted = wanted_outputs(self._layers) + pooling_outputs(self._poolings)
        arrays = engine.compute(inputs, wanted) if wanted else {}  # nothing where no offsets are
        shapes = engine.shapes({key: value.shape for key, value in inputs.items()})
        found = self._predictor.detections([image])[0]
        return Look(
            run=cfg.run.name,
            epoch=self._predictor.epoch,
            picture=name,
            image=seen,
            prediction=images.resize_label(painted(found, image.shape[:2], len(class_names(cfg))), seen.shape[:2]),
            truth=None if truth is None else images.resize_label(truth, seen.shape[:2]),
            zoom=seen.shape[0] / image.shape[0],
            layers=seen_layers(self._graph, arrays, shapes),
            class_names=class_names(cfg),
            palette=colours(ignored(len(class_names(cfg))) + 1),
            checkpoint=self.checkpoint,
            filters=filters_inside(engine, inputs),
            boxes=moved_boxes(cfg, self._poolings, arrays, found, scale),
        )


def look_for_box(cfg, predictor: Predictor, data, numbers, found: list[Detections]) -> ChosenBox | None:
    """Where the network looks for the largest box of a score of at least `SHOWN`, of the first picture that has one.

    data: the test pictures. numbers: of those that may be taken. found: in all of them. None: nothing is found, nothing
    in the network learns where to look, or its boxes come from a file.
    """
    numbers = [number for number in numbers if shown_detection(found[number], SHOWN) is not None]
    if not numbers or from_file(cfg) or not looking_layers(predictor.engine.network.graph):
        return None
    record, one = data.records[numbers[0]], found[numbers[0]]
    best = shown_detection(one, SHOWN)
    image, box, kind = data.image(record), one.boxes[best], one.classes[best]
    look = Looker(cfg, predictor).look(image, record.name)
    pixel = look.seen_pixel((int(box[1::2].mean()), int(box[0::2].mean())))
    name = f"{data.class_names[kind]} {one.scores[best]:.2f}"
    return ChosenBox(name, pixel, look, pooled_bins(cfg, predictor, image, box, kind))


def save_box(place: Path, chosen: ChosenBox | None) -> None:
    """Keeps a box in two files in the folder `place`, or takes them away where none was chosen."""
    for each in (LOOK, PARTS):
        (place / each).unlink(missing_ok=True)
    if chosen:
        facts = {"name": np.array(chosen.name), "pixel": np.array(chosen.pixel)}
        write_arrays(place / PARTS, {**facts, **{f"bins_{name}": np.stack(each) for name, each in chosen.bins.items()}})
        looks.save(place / LOOK, chosen.look)


def load_box(place: Path) -> ChosenBox | None:
    """What `save_box` has kept there, None if there is nothing. Raises DamagedFile."""
    if not (place / LOOK).is_file():
        return None
    arrays = read_arrays(place / PARTS, "evaluate again (./test.sh CONFIG)")
    y, x = (int(each) for each in arrays["pixel"])
    bins = {name.removeprefix("bins_"): (each[0], each[1]) for name, each in arrays.items() if name.startswith("bins_")}
    return ChosenBox(str(arrays["name"]), (y, x), looks.load(place / LOOK), bins)


def painted(found: Detections, size: tuple[int, int], classes: int) -> np.ndarray:
    """Classes as a map (height, width): the boxes of a score of at least `SHOWN`, the best on top."""
    order = [each for each in np.argsort(found.scores, kind="stable") if found.scores[each] >= SHOWN]
    return _map(found.boxes[order], found.classes[order], size, classes)


def truth_of(cfg, image: str | Path) -> np.ndarray | None:
    """The objects of a picture in a VOC kit's JPEGImages as a map (height, width), or None.

    Difficult objects do not count: `lib.data.labels.ignored`.
    """
    image = Path(image).resolve()
    path = image.parents[1] / "Annotations" / f"{image.stem}.xml" if image.parent.name == "JPEGImages" else None
    if path is None or not path.is_file():
        return None
    try:
        size, objects = read_annotation(path, class_names(cfg))
    except DatasetError:
        return None  # a kit of other classes
    return _truth(objects, size, len(class_names(cfg)))


def _truth(objects: Objects, size, classes: int) -> np.ndarray:
    values = np.where(objects.difficult, ignored(classes), objects.classes)
    return _map(objects.boxes, values, size, classes)


def _map(boxes, values, size, classes: int) -> np.ndarray:
    made = np.zeros(size, np.min_scalar_type(ignored(classes)))
    for (x1, y1, x2, y2), value in zip(np.round(boxes).astype(int), values):
        made[max(y1, 0) : y2 + 1, max(x1, 0) : x2 + 1] = value
    return made
