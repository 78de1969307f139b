# SPDX-License-Identifier: Apache-2.0
"""Tests of what every pooling over regions of interest must do beside agreeing with its reference."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from operators.checks import backends
from operators.checks.agreement import cast, check, mxnet_backends
from operators.checks.inputs import between_lines, draw_inputs, draw_out_grad, on_lines
from operators.checks.tester import OperatorTester
from operators.checks.tolerance import assert_close, assert_same_bits
from operators.for_numpy import Operator
from operators.library import OperatorError


class PoolingTester(OperatorTester):
    """Subclass it as Test<Operator>; see OperatorTester."""

    boundaries = ("",)

    @pytest.mark.parametrize("offsets", [between_lines, on_lines])
    def test_equals_stock_with_its_gradients(self, case, dtype, offsets):
        inputs, out_grad = cast(draw_inputs(case, offsets), dtype), draw_out_grad(case).astype(dtype)
        self.assert_stock(case, inputs, out_grad)

    @pytest.mark.parametrize("seed", range(4))
    def test_equals_stock_on_any_regions(self, small_case, dtype, seed):
        """Not only where single and double precision agree: rounding must fall as in stock."""
        random = np.random.default_rng(seed)
        scale = random.choice([1, 0.5, 0.3, 0.0625])
        case = replace(small_case, attributes={**small_case.attributes, "spatial_scale": float(scale)})
        inputs = cast(draw_inputs(small_case, seed=seed), dtype)
        regions = len(inputs["rois"])
        inputs["rois"][:, 1:] = random.uniform(-0.5, 1.5, (regions, 4)) * max(case.data[2:]) / scale
        if "trans" in inputs:
            inputs["trans"][...] = random.standard_normal(inputs["trans"].shape)
        self.assert_stock(case, inputs, draw_out_grad(case).astype(dtype))

    @staticmethod
    def assert_stock(case, inputs, out_grad):
        got, grads = backends.for_numpy(case, inputs, out_grad)
        want, want_grads = mxnet_backends().stock(case, inputs, out_grad)
        assert_close(got, want, f"{case}: output")
        for name, gradient in want_grads.items():
            assert_close(grads[name], gradient, f"{case}: gradient of {name}")

    def test_no_region(self, case, boundary, dtype):
        """An empty output, and gradients of 0 where they are written."""
        given = {name: (0, *shape[1:]) for name, shape in case.given.items()}
        check(backends.for_numpy, replace(case, name=f"{case.name}, no region", given=given), boundary, dtype)

    def test_regions_do_not_know_of_each_other(self, small_case):
        inputs, out_grad = draw_inputs(small_case), draw_out_grad(small_case)
        operator = Operator(small_case.operator, **small_case.attributes)
        whole = operator.forward(*inputs.values())
        for r in range(len(out_grad)):
            alone = [values if name == "data" else values[r : r + 1] for name, values in inputs.items()]
            assert_close(operator.forward(*alone), whole[r : r + 1], f"{small_case}: region {r}")

    def test_the_result_does_not_depend_on_other_images_regions(self, busy_case):
        """Removing the regions of one image changes no bit of the other images' gradients."""
        inputs, out_grad = draw_inputs(busy_case), draw_out_grad(busy_case)
        operator = Operator(busy_case.operator, **busy_case.attributes)
        data_grad = operator.backward(out_grad, *inputs.values())[0]
        kept = inputs["rois"][:, 0] != 0
        fewer = [values if name == "data" else values[kept] for name, values in inputs.items()]
        assert_same_bits(operator.backward(out_grad[kept], *fewer)[0][1:], data_grad[1:], f"{busy_case}: data")

    def test_the_fraction_of_an_image_is_dropped(self, small_case, dtype):
        """Towards 0, as a cast does: stock MXNet and torchvision do so, and numeric gradients move every number."""
        inputs, out_grad = cast(draw_inputs(small_case), dtype), draw_out_grad(small_case).astype(dtype)
        operator = Operator(small_case.operator, **small_case.attributes)
        moved = {**inputs, "rois": inputs["rois"].copy()}
        moved["rois"][:, 0] += np.where(inputs["rois"][:, 0] == 0, -0.75, 0.75)
        assert_same_bits(operator.forward(*moved.values()), operator.forward(*inputs.values()), f"{small_case}")
        grads = operator.backward(out_grad, *inputs.values())
        for got, want in zip(operator.backward(out_grad, *moved.values()), grads):
            assert_same_bits(got, want, f"{small_case}: gradient")

    def test_image_minus_1_is_no_region(self, small_case, dtype):
        """Its bins are 0, whatever its corners are, and nothing gets a gradient from it; the others do not notice."""
        inputs, out_grad = cast(draw_inputs(small_case), dtype), draw_out_grad(small_case).astype(dtype)
        operator = Operator(small_case.operator, **small_case.attributes)
        padded = {**inputs, "rois": inputs["rois"].copy()}
        padded["rois"][-1] = -1
        head = out_grad.copy()
        head[-1] = 0  # what the last region would have given
        want, grads = operator.forward(*inputs.values()), operator.backward(head, *inputs.values())
        for corners in (-1, np.nan, 3):
            padded["rois"][-1, 1:] = corners
            out = operator.forward(*padded.values(), out=np.full_like(out_grad, 7))
            assert_close(out[:-1], want[:-1], f"{small_case}")
            assert (out[-1] == 0).all()
            got = operator.backward(out_grad, *padded.values(), grads=[np.full_like(g, 7) for g in grads])
            for gradient, name, right in zip(got, operator.inputs, grads):
                assert_close(gradient, right, f"{small_case}: gradient of {name}")

    def test_without_images_every_row_may_be_no_region(self, small_case, dtype):
        inputs, out_grad = cast(draw_inputs(small_case), dtype), draw_out_grad(small_case).astype(dtype)
        operator = Operator(small_case.operator, **small_case.attributes)
        inputs["data"], inputs["rois"] = inputs["data"][:0], np.full_like(inputs["rois"], -1)
        assert (operator.forward(*inputs.values(), out=np.full_like(out_grad, 7)) == 0).all()
        grads = [np.full_like(array, 7) for array in inputs.values()]
        for gradient in operator.backward(out_grad, *inputs.values(), grads=grads):
            assert (gradient == 0).all()

    @pytest.mark.parametrize("wrong", [-2, -2.5, "batch", np.nan, np.inf, -np.inf, 2.0**40])
    def test_an_image_that_is_not_there(self, small_case, dtype, wrong):
        """Before anything is written."""
        inputs, out_grad = cast(draw_inputs(small_case), dtype), draw_out_grad(small_case).astype(dtype)
        batch = small_case.data[0]
        inputs["rois"][-1, 0] = batch if wrong == "batch" else wrong
        operator = Operator(small_case.operator, **small_case.attributes)
        row = len(out_grad) - 1
        said = rf"{small_case.operator}: the image of a region must be a whole number from 0 to {batch - 1}.*{row}, 0\]"
        out, grads = np.full_like(out_grad, 7), [np.full_like(values, 7) for values in inputs.values()]
        with pytest.raises(OperatorError, match=said):
            operator.forward(*inputs.values(), out=out)
        with pytest.raises(OperatorError, match=said):
            operator.backward(out_grad, *inputs.values(), grads=grads)
        assert all((array == 7).all() for array in (out, *grads))

    def test_infinite_data_shows_only_where_it_is_read(self, small_case):
        """No bin's sum is made from others'."""
        inputs = draw_inputs(small_case)
        operator = Operator(small_case.operator, **small_case.attributes)
        before = operator.forward(*inputs.values())
        inputs["data"][:, :, 0, 0] = np.inf
        after = operator.forward(*inputs.values())
        changed = after != before
        assert not np.isfinite(after[changed]).any()
