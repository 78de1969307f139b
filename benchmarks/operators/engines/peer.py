# SPDX-License-Identifier: Apache-2.0
"""What the libraries other than MXNet have in common: deformable convolutions only, some boundaries, some dtypes."""

from __future__ import annotations

DEFORMABLE = ("DeformableConvolution", "ModulatedDeformableConvolution")


class Peer:
    boundaries = ("zero",)  # the first is used where a case lets an engine keep its own
    dtypes = ("float32", "float64")
    has_backward = False

    def refuses(self, case) -> str:
        if case.operator not in DEFORMABLE:
            return f"has no {case.operator}"
        if case.training and not self.has_backward:
            return "has no backward"
        if case.dtype not in self.dtypes:
            return f"has no {case.dtype}"
        if case.boundary not in self.boundaries and not case.own_boundary:
            return f"has boundary {' and '.join(map(repr, self.boundaries))} only"
        return ""

    def boundary(self, case) -> str:
        return case.boundary if case.boundary in self.boundaries else self.boundaries[0]

    def note(self, case) -> str:
        return "" if self.boundary(case) == case.boundary else f"boundary {self.boundary(case)!r}"
