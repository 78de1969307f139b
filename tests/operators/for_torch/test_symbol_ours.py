# SPDX-License-Identifier: Apache-2.0
"""Stock MXNet's operators that look elsewhere, and ours as Custom nodes: values and gradients are those of MXNet."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
mx = pytest.importorskip("mxnet", reason="MXNet is not installed")

from operators.for_mxnet import sym  # noqa: E402
from operators.library import descriptions  # noqa: E402

from symbol_samples import expect_same  # noqa: E402  # isort: skip

S, STOCK = mx.sym, mx.sym.contrib
X, ROIS, T, M, W, B = (S.var(name) for name in ("x", "rois", "t", "m", "w", "b"))
BOXES = S.BlockGrad(ROIS)
BINS = {"spatial_scale": 0.125, "output_dim": 2, "pooled_size": 3}
PARTS = {**BINS, "group_size": 3, "part_size": 2, "sample_per_part": 4, "trans_std": 0.1}
GRID = {"kernel": (3, 3), "num_filter": 6, "pad": (2, 2), "dilate": (2, 2)}
SETS = {"num_offset_group": 2, "num_deformable_group": 3}
CASES = {
    "stock PSROIPooling": STOCK.PSROIPooling(X, BOXES, **BINS),
    "stock PSROIPooling groups": STOCK.PSROIPooling(X, BOXES, **BINS, group_size=3),
    "stock DeformablePSROIPooling": STOCK.DeformablePSROIPooling(X, BOXES, T, **PARTS),
    "stock DeformablePSROIPooling still": STOCK.DeformablePSROIPooling(X, BOXES, **PARTS, no_trans=True),
    "stock DeformableConvolution": STOCK.DeformableConvolution(X, T, W, B, **GRID, num_group=2, num_deformable_group=3),
    "stock ModulatedDeformableConvolution": STOCK.ModulatedDeformableConvolution(
        X, T, M, W, **GRID, num_deformable_group=3, no_bias=True, im2col_step=2
    ),
    "PSROIPooling": sym.PSROIPooling(data=X, rois=BOXES, **BINS),
    "DeformablePSROIPooling": sym.DeformablePSROIPooling(data=X, rois=BOXES, trans=T, **PARTS),
    "DeformablePSROIPooling still": sym.DeformablePSROIPooling(data=X, rois=BOXES, **PARTS, no_trans=True),
    "Shift": sym.Shift(data=X, offset=T, boundary="border"),
    "ActiveConvolution": sym.ActiveConvolution(
        data=X, offset=T, weight=W, bias=B, **GRID, **SETS, num_group=2, fixed_taps=(4,)
    ),
    "DynamicFilter": sym.DynamicFilter(data=X, num_filter=2, samples=(3, 2), fusion="mean", attention_at="output"),
    "DeformableConvolution": sym.DeformableConvolution(data=X, offset=T, weight=W, no_bias=True, **GRID, **SETS),
    "ModulatedDeformableConvolution": sym.ModulatedDeformableConvolution(
        data=X, offset=T, mask=M, weight=W, bias=B, **GRID, **SETS, boundary="inside"
    ),
}


def arrays(symbol) -> dict:
    random = np.random.default_rng(0)
    known = {"x": (2, 18, 12, 11), "rois": (9, 5)}
    if "PSROI" in symbol.tojson():
        known["t"] = (9, 2, 2, 2)
    elif "_contrib_" in symbol.tojson():  # stock MXNet does not find them
        known.update(t=(2, 54, 12, 11), m=(2, 27, 12, 11))
    known = {name: shape for name, shape in known.items() if name in symbol.list_arguments()}
    shapes = dict(zip(symbol.list_arguments(), symbol.infer_shape(**known)[0]))
    arg = {name: random.standard_normal(shape) for name, shape in shapes.items()}
    if "rois" in arg:
        arg["rois"] = np.column_stack(
            [random.integers(0, 2, 9), random.uniform(0, 40, (9, 2)), random.uniform(40, 90, (9, 2))]
        )
    return arg


@pytest.mark.parametrize("case", CASES)
def test_as_in_mxnet(case):
    training = case != "stock ModulatedDeformableConvolution"  # its gradients are there on a GPU only
    expect_same(CASES[case], arrays(CASES[case]), {}, training=training)


def test_every_operator_of_the_library_has_a_case():
    assert set(descriptions()) <= set(CASES)
