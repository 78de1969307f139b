# SPDX-License-Identifier: Apache-2.0
"""One look as one HTML file that needs no server and no network: page.html with the data put into it."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path

import numpy as np
from PIL import Image

from lib.data.labels import ignored
from lib.looking.bins import MovedBox
from lib.looking.look import Layer, Look
from lib.pictures.style import COLOURS

TEMPLATE = Path(__file__).with_name("page.html")
PLACE = "__DATA__"
UNKNOWN = -32768  # stands for what is not finite
LARGEST = 32767
PHOTOGRAPH = 500_000  # image pixels above which the picture is stored as JPEG


def build(look: Look, pixel: tuple[int, int], layer: str = "") -> str:
    """The page's text. pixel: (y, x) that it shows first. layer: the one it shows first; '' is the last.

    Offsets are stored as whole numbers of a step, at most 1/32767 of the layer's largest offset.
    """
    content = {
        "run": look.run,
        "epoch": look.epoch,
        "picture": look.picture,
        "zoom": look.zoom,
        "height": look.image.shape[0],
        "width": look.image.shape[1],
        "image": _image(look.image),
        "prediction": _png(look.palette[look.prediction]),
        "truth": None if look.truth is None else _png(look.palette[look.truth]),
        "classes": _classes(look),
        "colours": COLOURS,
        "layers": [_layer(each) for each in look.layers],
        "boxes": [_box(each) for each in look.boxes],
        "pixel": list(map(int, pixel)),
        "shown": max([n for n, each in enumerate(look.layers) if each.name == layer] or [len(look.layers) - 1]),
    }
    text = json.dumps(content, separators=(",", ":")).replace("<", "\\u003c")  # no text may end the script element
    return TEMPLATE.read_text(encoding="utf-8").replace(PLACE, text)


def quantised(values: np.ndarray) -> tuple[float, str]:
    """(step, base64 of little-endian int16): value = step * whole number; what is not finite becomes UNKNOWN."""
    values = np.asarray(values, np.float64)
    finite = np.isfinite(values)
    step = float(np.abs(values[finite]).max(initial=0) / LARGEST) or 1.0
    whole = np.where(finite, np.round(np.where(finite, values, 0) / step), UNKNOWN).astype("<i2")
    return step, base64.b64encode(whole.tobytes()).decode("ascii")


def _layer(layer: Layer) -> dict:
    g = layer.geometry
    names = ("kernel", "stride", "dilate", "pad", "scale", "origin", "size")
    step, offset = quantised(layer.offset)
    facts = {"name": layer.name, "kind": layer.kind, "sets": layer.sets, "step": step, "offset": offset, "mask": None}
    facts.update({name: list(getattr(g, name)) for name in names})
    if layer.mask is not None:
        facts["mask_step"], facts["mask"] = quantised(layer.mask)
    return facts


def _box(box: MovedBox) -> dict:
    """Sides in pixels of the picture, rounded to a hundredth, [left, top, right, bottom] where pixel 0 is 0 to 1."""
    left, top, right, bottom = box.box.tolist()
    bins = {name: [np.round(each.reshape(-1, 4), 2).tolist() for each in pair] for name, pair in box.bins.items()}
    return {"name": box.name, "box": [round(side, 2) for side in (left, top, right + 1, bottom + 1)], "bins": bins}


def _classes(look: Look) -> list[dict]:
    """Colour and name of the classes in the picture; the page knows a pixel's class by its colour."""
    present = set(np.unique(look.prediction).tolist())
    present |= set() if look.truth is None else set(np.unique(look.truth).tolist())
    named = [(index, look.class_names[index]) for index in sorted(present) if index < len(look.class_names)]
    named += [(index, "does not count") for index in sorted(present) if index == ignored(len(look.class_names))]
    return [{"colour": look.palette[index].tolist(), "name": name} for index, name in named]


def _image(image: np.ndarray) -> str:
    return _png(image) if image[..., 0].size <= PHOTOGRAPH else _encoded(image, "JPEG", quality=88)


def _png(image: np.ndarray) -> str:
    return _encoded(image, "PNG", optimize=True)


def _encoded(image: np.ndarray, kind: str, **options) -> str:
    out = io.BytesIO()
    Image.fromarray(image).save(out, kind, **options)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(out.getvalue()).decode('ascii')}"
