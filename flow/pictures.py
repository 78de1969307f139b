# SPDX-License-Identifier: Apache-2.0
"""Pairs of pictures with the flow between them, and where LS-DFN looks in one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from flow.looker import Edge
from lib.data.flow_files import known
from lib.data.flow_pairs import Pair
from lib.metrics.end_point_error import end_point_error
from lib.pictures import flow as coding
from lib.pictures.style import picture
from lib.pictures.windows import draw_field, draw_windows

GAP, LINE, SIDE = 6, 22, 256  # pixels; pictures smaller than SIDE are enlarged


def told(first: np.ndarray, second: np.ndarray, flow: np.ndarray) -> Image.Image:
    """Both pictures, uint8 (h, w, 3), and their flow in colours, side by side; the wheel of colours in its corner."""
    longest = float(np.hypot(flow[..., 0], flow[..., 1]).max())
    zoom = max(1, SIDE // max(first.shape[:2]))
    panels = {"first": first, "second": second, f"flow, full colour: {longest:.1f} px": coding.colours(flow)}
    height, width = (side * zoom for side in first.shape[:2])
    made = Image.new("RGB", (len(panels) * (width + GAP) - GAP, height + LINE), "white")
    draw, font = ImageDraw.Draw(made), ImageFont.load_default(13)
    for place, (title, array) in enumerate(panels.items()):
        left = place * (width + GAP)
        made.paste(Image.fromarray(array).resize((width, height), Image.Resampling.NEAREST), (left, LINE))
        draw.text((left + 2, LINE / 2), title, fill="black", font=font, anchor="lm")
    wheel = Image.fromarray(coding.legend(max(16, min(height, width) // 4)))
    made.paste(wheel, (made.width - wheel.width, made.height - wheel.height))
    return made


def draw_pairs(block, pairs: Sequence[tuple[Pair, np.ndarray]]) -> None:
    """A row for each pair and the flow (h, w, 2) that was predicted; one colour means the same motion in both flows.

    block: a figure or a part of one.
    """
    grid = block.subplots(len(pairs), 5, squeeze=False)
    for axes, (pair, flow) in zip(grid, pairs):
        there = known(pair.flow)
        longest = float(np.hypot(*np.moveaxis(pair.flow[there], -1, 0)).max(initial=1))
        errors = np.where(there, end_point_error(flow, pair.flow), np.nan)
        picture(axes[0], pair.first, f"{pair.name}, first")
        picture(axes[1], pair.second, "second")
        picture(axes[2], coding.colours(pair.flow, there, longest), f"true flow, up to {longest:.0f} px")
        picture(axes[3], coding.colours(flow, None, longest), "predicted")
        shade = axes[4].imshow(errors, cmap="magma", vmin=0, vmax=max(longest / 2, 1), interpolation="nearest")
        mean = f"mean {errors[there].mean():.2f} px" if there.any() else "nowhere known"
        axes[4].set_title(f"error, {mean}", fontsize=10)
        axes[4].set(xticks=[], yticks=[])
        block.colorbar(shade, ax=axes[4], fraction=0.04, pad=0.02).ax.tick_params(labelsize=7)
    wheel = grid[0, 2].inset_axes((0.76, 0.0, 0.24, 0.36))
    wheel.imshow(coding.legend(64))
    wheel.set(xticks=[], yticks=[])


def draw_edge(axes, edge: Edge) -> None:
    """The windows of a moving edge, and the weights of all that is read there, into two axes."""
    cell = edge.found.cell_of(edge.pixel, (edge.image.shape[0], edge.image.shape[1]))
    draw_windows(axes[0], edge.image, edge.found, cell, "LS-DFN at a moving edge: its windows")
    draw_field(axes[1], edge.image, edge.found, cell, "and the weights of what it reads")
