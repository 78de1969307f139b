# SPDX-License-Identifier: Apache-2.0
"""Arrays with guards: what reads or writes beside them is seen."""

from __future__ import annotations

import numpy as np

_MARGIN = 4096  # elements on either side


class Guarded:
    """A contiguous array in the middle of a larger one that is filled with `guard`.

    For inputs guard with NaN: a kernel that reads beside the array returns NaN, even where it multiplies by 0.
    """

    def __init__(self, values, guard: float):
        self._whole = np.full(values.size + 2 * _MARGIN, guard, values.dtype)
        self.array = self._whole[_MARGIN : _MARGIN + values.size].reshape(values.shape)
        self.array[...] = values
        self._guard = np.full(_MARGIN, guard, values.dtype).tobytes()

    def assert_untouched(self, what: str):
        before, after = self._whole[:_MARGIN].tobytes(), self._whole[-_MARGIN:].tobytes()
        assert before == after == self._guard, f"{what}: something was written beside the array"
