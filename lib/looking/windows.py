# SPDX-License-Identifier: Apache-2.0
"""Where a dynamic filter (operators/dynamic_filter) takes its samples from one place."""

from __future__ import annotations

import numpy as np


def window(cell: tuple[int, int], samples: int, step: int, cell_size: int) -> np.ndarray:
    """(samples^2, 2): (y, x) in image pixels of the samples around a cell of the map, in the operator's order.

    step: cells between samples. cell_size: pixels of a cell; the middle of cell k lies at k * cell_size, as behind
    convolutions of stride 2 with an odd kernel, padded by half of it.
    """
    steps = step * (np.arange(samples) - samples // 2)
    rows, columns = np.meshgrid(cell[0] + steps, cell[1] + steps, indexing="ij")
    return cell_size * np.stack([rows, columns], -1).reshape(-1, 2)
