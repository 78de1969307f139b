# SPDX-License-Identifier: Apache-2.0
"""What a network did with one picture: the picture, the classes, and where its layers looked."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from lib.looking.bins import MovedBox
from lib.looking.filters import Filter, as_plain, from_plain
from lib.looking.places import Geometry
from lib.run.atomic import write_arrays
from lib.run.damage import DamagedFile, read_arrays

KINDS = ("active", "deformable", "modulated")
FORMAT = 2
REMEDY = "remove it; python -m lib.commands.inspect makes it anew"


@dataclass
class Layer:
    """One convolution that learns where to look.

    name: of the node, 'res5a_branch2b'. kind: one of KINDS.
    offset: (sets, taps, 2, H', W') float, (y, x) in pixels of the layer's input; H' = W' = 1 for an active layer, whose
        offsets are the same everywhere. mask: (sets, taps, H', W'), or None where every factor is 1.
    """

    name: str
    kind: str
    geometry: Geometry
    offset: np.ndarray
    mask: np.ndarray | None = None

    def __post_init__(self):
        sets, taps = self.offset.shape[:2]
        maps = (1, 1) if self.kind == "active" else self.geometry.size
        expected = (sets, self.geometry.taps, 2, *maps)
        if self.kind not in KINDS or self.offset.shape != expected:
            raise ValueError(f"{self.name}: {self.kind} offsets of shape {self.offset.shape}, expected {expected}")
        if self.mask is not None and self.mask.shape != (sets, taps, *maps):
            raise ValueError(f"{self.name}: mask of shape {self.mask.shape}, expected {(sets, taps, *maps)}")

    @property
    def sets(self) -> int:
        """Sets of offsets: groups of filters times groups of channels."""
        return self.offset.shape[0]

    def at(self, cell) -> tuple[np.ndarray, np.ndarray]:
        """Offsets (sets, taps, 2) and factors (sets, taps) at output cell (h, w)."""
        h, w = (0, 0) if self.kind == "active" else cell
        mask = np.ones(self.offset.shape[:2]) if self.mask is None else self.mask[:, :, h, w]
        return self.offset[..., h, w].astype(np.float64), mask.astype(np.float64)

    def moved(self) -> np.ndarray:
        """(H', W'): how far the taps are moved at each cell, on average, in pixels of the layer's input."""
        return np.hypot(self.offset[:, :, 0].astype(np.float64), self.offset[:, :, 1]).mean((0, 1))


@dataclass
class Look:
    """One picture under one network.

    run, epoch, picture: names for titles. image: uint8 (h, w, 3), as the network saw it. prediction: train ids,
    uint8 (h, w), uint16 of 256 classes and more. truth: the same, `lib.data.labels.ignored` = does not count, or None
    where nobody knows. zoom: network pixels per pixel of the picture's file. layers: in the order of the network.
    class_names: by train id. palette: (256 or more, 3) uint8.
    checkpoint: SHA-256 of the .params file, '' where it was not kept with the look. filters: the dynamic filters.
    boxes: detections whose parts a pooling moves, the surest first; not kept.
    """

    run: str
    epoch: int
    picture: str
    image: np.ndarray
    prediction: np.ndarray
    truth: np.ndarray | None
    zoom: float
    layers: list[Layer]
    class_names: tuple[str, ...]
    palette: np.ndarray
    checkpoint: str = ""
    filters: list[Filter] = field(default_factory=list)
    boxes: list[MovedBox] = field(default_factory=list)

    def layer(self, name: str) -> Layer:
        """The layer of that name. Raises ValueError that lists the layers there are."""
        for layer in self.layers:
            if layer.name == name:
                return layer
        known = ", ".join(layer.name for layer in self.layers) or "none that learns where to look"
        raise ValueError(f"no layer {name!r} in {self.run}; it has {known}")

    def seen_pixel(self, place: tuple[int, int]) -> tuple[int, int]:
        """The pixel of `image` in which a pixel (y, x) of the picture's file has its middle."""
        y, x = (int(min((each + 0.5) * self.zoom, n - 1)) for each, n in zip(place, self.image.shape))
        return y, x

    def file_pixel(self, pixel: tuple[int, int]) -> tuple[int, int]:
        """The pixel of the picture's file in which a pixel (y, x) of `image` has its middle."""
        y, x = (int((each + 0.5) / self.zoom) for each in pixel)
        return y, x

    def pixel_moved_most(self, name: str = "") -> tuple[int, int]:
        """The image pixel (y, x) at whose cell a layer moves its taps furthest; the middle for an active layer. Where
        dynamic filters alone look around, and of a dynamic filter, the pixel at which its attentions differ most.

        name: of the layer or dynamic filter; '' means the last one.

        Only the cells compete of whose taps, as moved, the most lie in the picture.
        """
        height, width = self.image.shape[:2]
        filters = [each for each in self.filters if name in ("", each.layer.name)]
        if filters and (name or not self.layers):
            return filters[-1].pixel_of(filters[-1].most_selective(), (height, width))
        layer = self.layer(name) if name else self.layers[-1] if self.layers else None
        if layer is None or layer.kind == "active":
            return height // 2, width // 2
        g = layer.geometry
        moved, step = layer.moved(), np.multiply(g.scale, g.stride)
        rows, columns = np.meshgrid(*map(np.arange, g.size), indexing="ij")
        base = np.stack([rows, columns], -1) * g.stride - np.asarray(g.pad)
        taps = np.asarray([g.regular((0, 0)) + g.pad])[..., None, None] + layer.offset
        places = g.to_image(base + np.moveaxis(taps, 2, -1))
        inside = ((places >= 0) & (places < (height, width))).all(-1).sum((0, 1))
        h, w = np.unravel_index(np.where(inside == inside.max(), moved, -1).argmax(), moved.shape)
        y, x = (int(min((n + 0.5) * s, limit - 1)) for n, s, limit in zip((h, w), step, (height, width)))
        return y, x


def save(path: Path, look: Look) -> None:
    """Writes a look to a compressed .npz, completely or not at all; offsets and masks as float16 where that is exact
    to 1/64 pixel, else as float32."""
    facts = {key: getattr(look, key) for key in ("run", "epoch", "picture", "zoom", "checkpoint")}
    layers = [{"name": each.name, "kind": each.kind, "geometry": asdict(each.geometry)} for each in look.layers]
    facts["class_names"] = list(look.class_names)
    arrays = {"image": look.image, "prediction": look.prediction, "palette": look.palette}
    if look.truth is not None:
        arrays["truth"] = look.truth
    for number, layer in enumerate(look.layers):
        arrays[f"offset{number}"] = small(layer.offset)
        if layer.mask is not None:
            arrays[f"mask{number}"] = small(layer.mask)
    facts["filters"] = []
    for number, found in enumerate(look.filters):
        told, maps = as_plain(found)
        facts["filters"].append(told)
        arrays.update({f"filter{number}_{name}": small(each) for name, each in maps.items()})
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"format": FORMAT, **facts, "layers": layers})
    write_arrays(path, {"facts": np.array(text), **arrays}, compressed=True)


def load(path: Path) -> Look:
    """The look of a file that `save` wrote. Raises DamagedFile if it is damaged or of another format."""
    arrays = read_arrays(path, REMEDY)
    try:
        facts = json.loads(str(arrays.pop("facts", "{}")))
        if facts.pop("format", None) != FORMAT:
            raise DamagedFile(f"{path}: not a look of format {FORMAT}; {REMEDY}")
        return _look(facts, arrays)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        if isinstance(error, DamagedFile):
            raise
        raise DamagedFile(f"{path}: damaged ({type(error).__name__}: {error}); {REMEDY}") from None


def _look(facts: dict, arrays: dict[str, np.ndarray]) -> Look:
    layers = []
    for number, each in enumerate(facts.pop("layers")):
        geometry = Geometry(**{key: tuple(value) for key, value in each["geometry"].items()})
        offset, mask = arrays[f"offset{number}"].astype(np.float32), arrays.get(f"mask{number}")
        mask = None if mask is None else mask.astype(np.float32)
        layers.append(Layer(each["name"], each["kind"], geometry, offset, mask))
    filters = []
    for number, told in enumerate(facts.pop("filters", [])):  # earlier versions kept none
        start = f"filter{number}_"
        filters.append(
            from_plain(told, {key.removeprefix(start): arrays[key] for key in arrays if key.startswith(start)})
        )
    facts["class_names"] = tuple(facts["class_names"])
    maps: dict[str, Any] = {name: arrays[name] for name in ("image", "prediction", "palette")}
    return Look(**maps, truth=arrays.get("truth"), layers=layers, filters=filters, **facts)


def small(array: np.ndarray) -> np.ndarray:
    """The array in float16 if no value then errs by more than 1/64, else as it is."""
    with np.errstate(over="ignore"):
        half = array.astype(np.float16)
    with np.errstate(invalid="ignore"):
        close = np.abs(half.astype(np.float32) - array) <= 1 / 64
    return half if close.all() else array
