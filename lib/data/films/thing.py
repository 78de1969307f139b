# SPDX-License-Identifier: Apache-2.0
"""A thing of elastic cloth: its outline, its texture, and how it looks bent, turned and scaled."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

TEXTURE = 48
REACH = 1.35
"""The texture covers [-REACH, REACH] of the thing's own two axes, on which its outline is about a unit circle."""


@dataclass(frozen=True)
class Thing:
    """aspect: height over width before it is bent. lobes: ((waves around the outline, how deep, where), ...). texture:
    float32 (TEXTURE, TEXTURE, 3), RGB."""

    aspect: float
    lobes: tuple[tuple[int, float, float], ...]
    texture: np.ndarray


@dataclass(frozen=True)
class Pose:
    """y, x: of its middle, in pixels. size: square root of its area's square, in pixels, about. angle: radians. bend:
    how far its long axis waves, in its own units; wave: where the wave is. stretch: factor on its length, its width
    becomes as much smaller."""

    y: float
    x: float
    size: float
    angle: float = 0.0
    bend: float = 0.0
    wave: float = 0.0
    stretch: float = 1.0


def draw_thing(random: np.random.Generator, texture: np.ndarray | None = None) -> Thing:
    """A thing, with a texture of its own or this one."""
    lobes = tuple((count, random.uniform(0.04, 0.16), random.uniform(0, 2 * np.pi)) for count in (2, 3, 5))
    aspect = float(np.exp(random.uniform(-np.log(2), np.log(2))))
    return Thing(aspect, lobes, draw_texture(random) if texture is None else texture)


def draw_texture(random: np.random.Generator) -> np.ndarray:
    """Patches of three colours with soft rims: enough to be told from a street, and from itself when it has turned."""
    colours = random.uniform(20, 235, (3, 3))
    fields = [_smooth(random, cells) for cells in (3, 5, 8)]
    weights = np.exp(4 * np.stack(fields, -1))
    return ((weights / weights.sum(-1, keepdims=True)) @ colours).astype(np.float32)


def paint(canvas: np.ndarray, thing: Thing, pose: Pose) -> np.ndarray:
    """Paints a thing over a picture, float32 (h, w, 3), and gives how much of each pixel it covers, float32 (h, w)."""
    covered = np.zeros(canvas.shape[:2], np.float32)
    far = _reach(thing, pose)
    window = tuple(slice(max(0, int(middle - far)), max(0, int(middle + far) + 2)) for middle in (pose.y, pose.x))
    y, x = (each[window] for each in np.mgrid[: canvas.shape[0], : canvas.shape[1]].astype(np.float32))
    along, across, unit = _own_axes(thing, pose, y, x)
    radius, angle = np.hypot(along, across), np.arctan2(across, along)
    rim = 1 + sum(depth * np.sin(count * angle + where) for count, depth, where in thing.lobes)
    cover = np.clip((rim - radius) * unit + 0.5, 0, 1).astype(np.float32)
    there = np.nonzero(cover)
    part = cover[there][:, None]
    shown, below = _look_up(thing.texture, across[there], along[there]), canvas[window][there]
    canvas[window][there] = below * (1 - part) + shown * part
    covered[window] = cover
    return covered


def _axes(thing: Thing, pose: Pose) -> np.ndarray:
    """Half the lengths of its two axes, in pixels."""
    return pose.size / 2 * np.sqrt([1 / thing.aspect, thing.aspect]) * [pose.stretch, 1 / pose.stretch]


def _reach(thing: Thing, pose: Pose) -> float:
    """No pixel that it covers is farther from its middle than this."""
    rim = 1 + sum(depth for _, depth, _ in thing.lobes)
    along, across = _axes(thing, pose)
    return float(np.hypot(rim * along, rim * across + abs(pose.bend) * along)) + 1


def _own_axes(thing: Thing, pose: Pose, y, x):
    """Where pixels lie on the thing's two axes, and how many pixels its shorter one is long."""
    long, short = _axes(thing, pose)
    dy, dx = y - pose.y, x - pose.x
    along = (np.cos(pose.angle) * dx + np.sin(pose.angle) * dy) / long
    across = (np.cos(pose.angle) * dy - np.sin(pose.angle) * dx) / short
    across = across - pose.bend * np.sin(np.pi * along + pose.wave) * long / short
    return along, across, min(long, short)


def _smooth(random: np.random.Generator, cells: int) -> np.ndarray:
    field = random.normal(0, 1, (cells, cells)).astype(np.float32)
    return np.asarray(Image.fromarray(field).resize((TEXTURE, TEXTURE), Image.Resampling.BICUBIC))


def _look_up(texture: np.ndarray, row: np.ndarray, column: np.ndarray) -> np.ndarray:
    """The texture at places on the thing's axes, bilinear."""
    places = [np.clip((each / REACH + 1) / 2 * (TEXTURE - 1), 0, TEXTURE - 1.001) for each in (row, column)]
    (j, b), (i, a) = ((each.astype(int), (each % 1)[:, None]) for each in places)
    upper = texture[j, i] * (1 - a) + texture[j, i + 1] * a
    lower = texture[j + 1, i] * (1 - a) + texture[j + 1, i + 1] * a
    return upper * (1 - b) + lower * b
