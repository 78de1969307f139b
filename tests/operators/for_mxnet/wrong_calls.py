# SPDX-License-Identifier: Apache-2.0
"""Calls with one wrong argument each, and what their error must say.

Run as a program it makes them all in one process, through nd and sym, with a right call after each: nothing may abort.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import mxnet as mx
import numpy as np
from samples import convolution, sample_of

from operators.checks.case import Case
from operators.for_mxnet import nd, sym

NODE = "res5a"


def right_sample(operator: str):
    if operator == "Shift":
        return sample_of(Case("Shift", "in numbers", (2, 4, 7, 6)))
    return convolution(operator, **({"num_offset_group": 3} if operator == "ActiveConvolution" else {}))


@dataclass
class Wrong:
    expected: list  # parts of the message, besides the node's name and the operator's
    operator: str = "DeformableConvolution"
    attributes: dict = field(default_factory=dict)  # instead of the right ones; None leaves one out
    shapes: dict = field(default_factory=dict)  # input -> wrong shape, or None for one that is not told
    dtypes: dict = field(default_factory=dict)  # input -> wrong dtype
    more: dict = field(default_factory=dict)  # further keyword arguments
    fronts: tuple = (nd, sym)

    def call(self, front):
        """Makes the call; with Symbols it also infers."""
        right = right_sample(self.operator)
        attributes = {k: v for k, v in {**right.attributes, **self.attributes}.items() if v is not None}
        shapes = {name: self.shapes.get(name, array.shape) for name, array in right.arrays.items()}
        dtypes = {name: self.dtypes.get(name, "float64") for name in shapes}
        if front is nd:
            inputs = {name: mx.nd.zeros(shape, dtype=dtypes[name]) for name, shape in shapes.items()}
        else:
            inputs = {name: mx.sym.var(name) for name in shapes}
        result = getattr(front, self.operator)(**{**inputs, **self.more}, name=NODE, **attributes)
        if front is nd:
            return result.wait_to_read()
        result.infer_type(**dtypes)
        return result.infer_shape(**{name: shape for name, shape in shapes.items() if shape})


MODULATED, ACTIVE = "ModulatedDeformableConvolution", "ActiveConvolution"
WRONG = {
    "misspelt attribute": Wrong(["'kernal'", "(3, 2)", "nearest known one is 'kernel'"], attributes={"kernal": (3, 2)}),
    "attribute of another library": Wrong(["'dilation'", "'dilate'"], attributes={"dilation": (1, 1)}),
    "attribute of another operator": Wrong(
        ["'cudnn_off' (value 'True'); the attributes are kernel, num_filter, stride, "], attributes={"cudnn_off": True}
    ),
    "attribute of a million letters": Wrong(
        ["unknown attribute 'kernelkernel", "; the attributes are kernel, "], attributes={"kernel" * 170000: 3}
    ),
    "num_filter is beyond MXNet": Wrong(
        ["'num_filter'", "1 to 2147483647", "got 4294967302"],
        attributes={"num_filter": 2**32 + 6},
        shapes={"weight": None, "bias": None},
        fronts=(sym,),
    ),  # fmt: skip
    "stride of three numbers": Wrong(["'stride'", "pair", "got '(1, 1, 1)'"], ACTIVE, {"stride": (1, 1, 1)}),
    "stride of one": Wrong(["'stride'", "a pair of integers", "got '(1,)'"], attributes={"stride": (1,)}),
    "an array of mx.np": Wrong(
        ["offset is of mx.np: give offset.as_nd_ndarray()"], more={"offset": mx.np.zeros(1)}, fronts=(nd,)
    ),
    "a Symbol of mx.np": Wrong(
        ["weight is of mx.np: give weight.as_nd_ndarray()"],
        more={"weight": mx.sym.var("w").as_np_ndarray()},
        fronts=(sym,),
    ),
    "kernel is a word": Wrong(["'kernel'", "a pair of integers (y, x)", "got 'wide'"], attributes={"kernel": "wide"}),
    "kernel of one": Wrong(["'kernel'", "a pair of integers", "got '(3,)'"], attributes={"kernel": (3,)}),
    "kernel of floats": Wrong(["'kernel'", "a pair of integers", "got '(3.5, 2)'"], attributes={"kernel": (3.5, 2)}),
    "num_filter is a float": Wrong(["'num_filter'", "an integer", "got '6.5'"], attributes={"num_filter": 6.5}),
    "num_filter is too large": Wrong(["'num_filter'", "an integer", "9" * 30], attributes={"num_filter": "9" * 30}),
    "num_filter is zero": Wrong(["'num_filter'", "1 to 2147483647", "got 0"], attributes={"num_filter": 0}),
    "stride is zero": Wrong(["'stride'", "at least 1", "got (0, 1)"], attributes={"stride": (0, 1)}),
    "pad is negative": Wrong(["'pad'", "at least 0", "got (-1, 0)"], attributes={"pad": (-1, 0)}),
    "no_bias is neither": Wrong(["'no_bias'", "True or False", "got 'perhaps'"], attributes={"no_bias": "perhaps"}),
    "boundary is unknown": Wrong(
        ["'boundary'", "'zero', 'inside', 'border'", "got 'v2'"], attributes={"boundary": "v2"}
    ),
    "layout": Wrong(["'layout'", "'NCHW'", "got 'NHWC'"], attributes={"layout": "NHWC"}),
    "rate is a word": Wrong(["'offset_lr_rate'", "a number", "got 'low'"], ACTIVE, {"offset_lr_rate": "low"}),
    "fixed tap beyond the kernel": Wrong(["'fixed_taps'", "0 to 5", "got 6"], ACTIVE, {"fixed_taps": (0, 6)}),
    "kernel is missing": Wrong(["'kernel' is missing", "a pair of integers"], attributes={"kernel": None}),
    "num_filter is missing": Wrong(["'num_filter' is missing", "an integer"], attributes={"num_filter": None}),
    "filters in groups": Wrong(["num_filter=6", "num_group=4"], attributes={"num_group": 4}),
    "filters in offset groups": Wrong(["num_filter=6", "num_offset_group=4"], ACTIVE, {"num_offset_group": 4}),
    "channels in groups": Wrong(["channels of data", "num_group", "(2, 4, 7, 6)"], attributes={"num_group": 3}),
    "channels in deformable groups": Wrong(
        ["channels of data", "num_deformable_group=3", "(2, 4, 7, 6)"], attributes={"num_deformable_group": 3}
    ),
    "kernel larger than the image": Wrong(
        ["does not fit", "(2, 4, 7, 6)", "kernel (12, 2)", "padded by (1, 2)"], attributes={"kernel": (12, 2)}
    ),
    "data has 3 dimensions": Wrong(["data must have 4 dimensions", "got shape (2, 4, 7)"], shapes={"data": (2, 4, 7)}),
    "data of Shift": Wrong(["data must have 4 dimensions", "(2, 4)"], "Shift", shapes={"data": (2, 4)}),
    "offset": Wrong(["offset must have shape (2, 24, 4, 8)", "got (2, 12, 4, 8)"], shapes={"offset": (2, 12, 4, 8)}),
    "offset of another batch": Wrong(["offset must", "got (1, 24, 4, 8)"], shapes={"offset": (1, 24, 4, 8)}),
    "offset of ActiveConvolution": Wrong(
        ["offset must have shape (3, 2, 3, 2, 2)", "got (2, 24, 4, 8)"], ACTIVE, shapes={"offset": (2, 24, 4, 8)}
    ),
    "offset of Shift": Wrong(["offset must have shape (4, 2)", "got (2, 4)"], "Shift", shapes={"offset": (2, 4)}),
    "mask": Wrong(["mask must have shape (2, 12, 4, 8)", "got (2, 6, 4, 8)"], MODULATED, shapes={"mask": (2, 6, 4, 8)}),
    "weight": Wrong(["weight must have shape (6, 2, 3, 2)", "got (6, 4, 3, 2)"], shapes={"weight": (6, 4, 3, 2)}),
    "bias": Wrong(["bias must have shape (6,)", "got (5,)"], shapes={"bias": (5,)}),
    "all int32": Wrong(
        ["data must be float16, float32 or float64", "got int32"],
        "Shift",
        dtypes=dict.fromkeys(("data", "offset"), "int32"),
    ),
    "offset of another dtype": Wrong(
        ["offset must have the dtype of data, float64", "got float32"], dtypes={"offset": "float32"}
    ),
    "mask of another dtype": Wrong(["mask must", "float64", "got float16"], MODULATED, dtypes={"mask": "float16"}),
    "weight of another dtype": Wrong(["weight must", "float64", "got int8"], dtypes={"weight": "int8"}),
    "bias with no_bias": Wrong(["bias was given", "no_bias=True"], attributes={"no_bias": True}),
    "an input there is not": Wrong(
        ["no input 'mask'", "data, offset, weight, bias"], more={"mask": mx.nd.zeros(1)}, fronts=(nd,)
    ),
    "a NumPy array": Wrong(
        ["offset must be of type NDArray", "got ndarray"], more={"offset": np.zeros(1)}, fronts=(nd,)
    ),
    "a Symbol among arrays": Wrong(
        ["weight must", "NDArray", "got Symbol"], more={"weight": mx.sym.var("w")}, fronts=(nd,)
    ),
    "an array among Symbols": Wrong(
        ["data must", "Symbol", "got NDArray"], more={"data": mx.nd.zeros(1)}, fronts=(sym,)
    ),
    "a number for an array": Wrong(["bias must", "got int"], more={"bias": 0}),
    "an input is missing": Wrong(["mask", "is missing"], MODULATED, more={"mask": None}, fronts=(nd,)),
    "a hint for one variable": Wrong(["weight=mx.sym.var(..., lr_mult=2)"], attributes={"weight_lr_mult": 2}),
}
CALLS = [(name, front) for name, wrong in WRONG.items() for front in wrong.fronts]


def check(name: str, front):
    """The call fails with an MXNetError that says everything."""
    wrong = WRONG[name]
    try:
        wrong.call(front)
    except mx.MXNetError as error:
        text = str(error)
    else:
        raise AssertionError(f"{name}: no error")
    for part in (f"Error in operator {NODE}: {wrong.operator}: ", *wrong.expected):
        assert part in text, f"{name}: {part!r} is not in {text!r}"
    assert "Traceback" not in text
    assert ".cc" not in text


def right_call():
    one = convolution("DeformableConvolution")
    np.testing.assert_allclose(one.call(*one.ndarrays().values()).asnumpy(), one.output(), rtol=1e-10, atol=1e-10)


if __name__ == "__main__":
    for wrong_name, wrong_front in CALLS:
        check(wrong_name, wrong_front)
        right_call()
    print(len(CALLS))
