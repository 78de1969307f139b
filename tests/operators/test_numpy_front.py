# SPDX-License-Identifier: Apache-2.0
"""What the NumPy front answers to wrong arguments: the operator, the argument, what came and what was expected."""

from __future__ import annotations

import numpy as np
import pytest

from operators.for_numpy import Operator
from operators.library import OperatorError

CONV = dict(kernel=(3, 3), num_filter=4, pad=(1, 1))


def _arrays(operator, data=(2, 4, 5, 6), dtype="float64"):
    shapes, out = operator.shapes(data)
    return [np.ones(shape, dtype) for shape in shapes], np.ones(out, dtype)


ATTRIBUTES = [
    ("Shift", {"boundary": "edge"}, "boundary", "'edge'"),
    ("Shift", {"bundary": "zero"}, "unknown attribute 'bundary'", "'boundary'"),
    ("Shift", {"kernel": (3, 3)}, "unknown attribute 'kernel'", "Shift"),
    ("DeformableConvolution", {"kernel": (3, 3)}, "'num_filter' is missing", "an integer"),
    ("DeformableConvolution", {**CONV, "kernel": (3, 3, 3)}, "'kernel'", "(3, 3, 3)"),
    ("DeformableConvolution", {**CONV, "kernel": (0, 3)}, "'kernel'", "(0, 3)"),
    ("DeformableConvolution", {**CONV, "kernel": (2.5, 3)}, "'kernel'", "(2.5, 3)"),
    ("DeformableConvolution", {**CONV, "stride": (0, 1)}, "'stride'", "(0, 1)"),
    ("DeformableConvolution", {**CONV, "dilate": "x"}, "'dilate'", "'x'"),
    ("DeformableConvolution", {**CONV, "pad": (-1, 0)}, "'pad'", "(-1, 0)"),
    ("DeformableConvolution", {**CONV, "num_filter": 0}, "num_filter", "got 0"),
    ("DeformableConvolution", {**CONV, "num_filter": 2.5}, "num_filter", "'2.5'"),
    ("DeformableConvolution", {**CONV, "num_group": 3}, "num_filter=4", "num_group=3"),
    ("DeformableConvolution", {**CONV, "no_bias": "maybe"}, "no_bias", "'maybe'"),
    ("DeformableConvolution", {**CONV, "layout": "NHWC"}, "layout", "'NHWC'"),
    ("DeformableConvolution", {**CONV, "im2col_step": 64}, "im2col_step", "unknown attribute"),
    ("DeformableConvolution", {**CONV, "num_deformable_groups": 2}, "num_deformable_groups", "'num_deformable_group'"),
    ("ActiveConvolution", {**CONV, "num_offset_group": 3}, "num_filter=4", "num_offset_group=3"),
    ("ActiveConvolution", {**CONV, "fixed_taps": (9,)}, "fixed_taps", "got 9"),
    ("ActiveConvolution", {**CONV, "normalize_grad": 2}, "normalize_grad", "'2'"),
    ("ActiveConvolution", {**CONV, "offset_lr_rate": "fast"}, "offset_lr_rate", "'fast'"),
    ("ActiveConvolution", {**CONV, "offset_lr_rate": float("nan")}, "offset_lr_rate", "'nan'"),
    ("ActiveConvolution", {**CONV, "offset_lr_rate": "1e999"}, "offset_lr_rate", "'1e999'"),
]


@pytest.mark.parametrize("name, attributes, argument, said", ATTRIBUTES)
def test_wrong_attributes(name, attributes, argument, said):
    with pytest.raises(OperatorError) as error:
        Operator(name, **attributes)
    for part in (name, argument, said):
        assert part in str(error.value)


def test_unknown_operator():
    with pytest.raises(OperatorError, match="no operator is called 'Deform'.*Shift"):
        Operator("Deform")


SHAPES = [
    ("DeformableConvolution", CONV, [(2, 4, 5)], "data", "(2, 4, 5)"),
    ("DeformableConvolution", CONV, [(2, 0, 5, 6)], "data", "(2, 0, 5, 6)"),
    ("DeformableConvolution", CONV, [(2, 4, 5, 6), (2, 9, 5, 6)], "offset", "(2, 18, 5, 6)"),
    ("DeformableConvolution", CONV, [(2, 4, 5, 6), None, (4, 3, 3, 3)], "weight", "(4, 4, 3, 3)"),
    ("DeformableConvolution", CONV, [(2, 4, 5, 6), None, None, (5,)], "bias", "(4,)"),
    ("DeformableConvolution", {**CONV, "pad": (0, 0)}, [(2, 4, 2, 6)], "does not fit", "(2, 4, 2, 6)"),
    (
        "DeformableConvolution",
        {**CONV, "num_deformable_group": 3},
        [(2, 4, 5, 6)],
        "num_deformable_group=3",
        "the channels",
    ),
    ("DeformableConvolution", {**CONV, "num_group": 4}, [(2, 6, 5, 6)], "num_group=4", "channels"),
    ("ModulatedDeformableConvolution", CONV, [(2, 4, 5, 6), None, (2, 8, 5, 6)], "mask", "(2, 9, 5, 6)"),
    ("ActiveConvolution", CONV, [(2, 4, 5, 6), (3, 3, 2)], "offset", "(1, 1, 3, 3, 2)"),
    ("Shift", {}, [(2, 4, 5, 6), (4,)], "offset", "(4, 2)"),
    ("Shift", {}, [(1,) * 9], "data", "at most 8"),
    ("Shift", {}, [(-1, 4, 5, 6)], "data", "(-1, 4, 5, 6)"),
    ("Shift", {}, [(1, 4, 5.5, 6)], "data", "whole numbers from 0 to 2**63 - 1, got (1, 4, 5.5, 6)"),
    ("Shift", {}, [(1, 4, 2**63, 6)], "data", "9223372036854775808"),
    ("Shift", {}, [4], "data", "got 4"),
    ("Shift", {}, ["1456"], "data", "got '1456'"),
    ("Shift", {}, [(1, 4, 5, 6), None, (3,)], "2 shapes", "got 3"),
    ("Shift", {}, [], "2 shapes", "got 0"),
    ("Shift", {}, [None], "the first of them known", "Shift"),
]


@pytest.mark.parametrize("name, attributes, shapes, argument, said", SHAPES)
def test_wrong_shapes(name, attributes, shapes, argument, said):
    operator = Operator(name, **attributes)
    with pytest.raises(OperatorError) as error:
        operator.shapes(*shapes)
    for part in (name, argument, said):
        assert part in str(error.value)


def test_wrong_arrays_of_forward():
    operator = Operator("DeformableConvolution", **CONV)
    arrays, out = _arrays(operator)

    def wrong(text, error=OperatorError, **changes):
        given = [changes.pop(name, array) for name, array in zip(operator.inputs, arrays)]
        with pytest.raises(error, match=f"DeformableConvolution: .*{text}"):
            operator.forward(*given, **changes)

    with pytest.raises(OperatorError, match="4 arrays are expected .*data, offset, weight, bias.*got 3"):
        operator.forward(*arrays[:3])
    wrong("weight must be a numpy array, got list", TypeError, weight=[1.0])
    wrong("bias must be a numpy array, got NoneType", TypeError, bias=None)
    wrong("offset must be float32 or float64.*<f2", offset=arrays[1].astype("float16"))
    wrong("data must be float32 or float64.*byte order.*>f8", data=arrays[0].astype(">f8"))
    wrong("data must be float32 or float64.*at most 8", data=np.ones((1,) * 9))
    wrong("weight must have the dtype of data, float64, got float32", weight=arrays[2].astype("float32"))
    wrong(r"weight must have shape \(4, 4, 3, 3\).*got \(4, 4, 3\)", weight=np.ones((4, 4, 3)))
    wrong("the output must be float64 of shape", out=out.astype("float32"))
    wrong(r"the output must be float64 of shape.*got float64 of shape \(1, 4, 5, 6\)", out=out[:1].copy())
    wrong("out must be a writable C-contiguous array", out=np.asfortranarray(out))
    frozen = out.copy()
    frozen.flags.writeable = False
    wrong("out must be a writable", out=frozen)
    wrong("out shares memory with data", out=arrays[0])
    wrong("req must be one of null, write, add, got 'inplace'", req="inplace")


def test_wrong_arrays_of_backward():
    operator = Operator("ActiveConvolution", **CONV, no_bias=True)
    arrays, out_grad = _arrays(operator)
    grads = [np.zeros_like(array) for array in arrays]

    def wrong(text, error=OperatorError, head=out_grad, given=tuple(arrays), **options):
        with pytest.raises(error, match=f"ActiveConvolution: .*{text}"):
            operator.backward(head, *given, **options)

    wrong("3 arrays are expected", given=arrays[:2])
    wrong("out_grad must be a numpy array", TypeError, head=None)
    wrong("the gradient of the output must be float64 of shape", head=out_grad[:1])
    wrong("the gradient of the output must be float64", head=out_grad.astype("float32"))
    wrong("req must be one word or 3", req=["write"])
    wrong("req must be one of", req=["write", "add", "nul"])
    wrong("grads must hold 3 arrays", grads=grads[:2])
    wrong("the gradient of offset is missing", grads=[grads[0], None, grads[2]])
    wrong("the gradient of weight must be float64 of shape", grads=[*grads[:2], grads[2][:1]])
    wrong("the gradient of data must be a writable", grads=[np.asfortranarray(grads[0]), *grads[1:]])
    wrong("the gradient of weight must be a numpy array", TypeError, grads=[*grads[:2], [0.0]])
    wrong("the gradient of data shares memory with data", grads=[arrays[0], *grads[1:]])
    pool = np.zeros(1000)
    wrong(
        "the gradient of weight shares memory with the gradient of offset",
        grads=[grads[0], pool[:18].reshape(arrays[1].shape), pool[:144].reshape(arrays[2].shape)],
    )


def test_nothing_is_wrong_with_the_arrays_used_above():
    for name in ("DeformableConvolution", "ActiveConvolution"):
        operator = Operator(name, **CONV)
        arrays, out = _arrays(operator)
        operator.forward(*arrays, out=out)
        operator.backward(out, *arrays, grads=[np.zeros_like(array) for array in arrays])


@pytest.mark.parametrize("texts", [dict(kernel="(3,3)", num_filter="4", pad="[1, 1]", no_bias="1", workspace="1024L")])
def test_attributes_may_be_text_as_in_graph_files(texts):
    assert Operator("DeformableConvolution", **texts).inputs == ("data", "offset", "weight")


def test_attributes_may_be_lists_and_numpy_numbers():
    settings = dict(kernel=[np.int64(3), 3], num_filter=np.int32(4), no_bias=np.bool_(True))
    operator = Operator("DeformableConvolution", **settings)
    assert operator.shapes((1, 2, 3, 3))[1] == (1, 4, 1, 1)
