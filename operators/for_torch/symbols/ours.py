# SPDX-License-Identifier: Apache-2.0
"""This project's operators: as Custom nodes, under stock MXNet's names, and as the files of 2017 have them.

A new operator of the library is served as a Custom node as soon as `mxnet_names` knows it.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable

from operators.for_torch import mxnet_names
from operators.for_torch.native import MAX_NDIM, Handle
from operators.for_torch.symbols.attributes import (
    IGNORED,
    Attribute,
    choice,
    double,
    flag,
    integer,
    shape,
    single,
    word,
)
from operators.for_torch.symbols.layers import GRID, grid, weighted
from operators.for_torch.symbols.operator import Operator, operator, register_operator
from operators.library import OperatorError, attribute_text, descriptions, inputs_for, library

_KINDS: dict[str, Callable] = {
    "a pair of integers (y, x)": shape,
    "a tuple of integers": shape,
    "an integer": integer,
    "a number": double,
    "True or False": flag,
}


def _attributes(description) -> dict:
    """The library's attributes as ours; a default is left out, the library and `mxnet_names` have the same."""
    return {name: _KINDS.get(info["type"], word)(None) for name, info in description.attributes.items()}


def _given(a) -> dict:
    return {name: value for name, value in vars(a).items() if value is not None and name not in ("training", "node")}


def _inputs(name, attributes) -> tuple:
    """Raises OperatorError for attributes that the library does not take."""
    return inputs_for(name, {key: attribute_text(value) for key, value in attributes.items()})


def _inferred(name, attributes, shapes: dict) -> dict:
    """The shapes of all inputs, found from those that are known (not None). Raises OperatorError if they do not fit."""
    handle, count = Handle(name, attributes), len(shapes)
    ndims = (ctypes.c_int32 * count)(*(-1 if each is None else len(each) for each in shapes.values()))
    sizes = (ctypes.c_int64 * (count * MAX_NDIM))()
    for i, each in enumerate(shapes.values()):
        sizes[i * MAX_NDIM : i * MAX_NDIM + len(each or ())] = list(each or ())
    out_ndim, out = ctypes.c_int32(), (ctypes.c_int64 * MAX_NDIM)()
    if library().acn_infer_shapes(handle.address, count, ndims, sizes, ctypes.byref(out_ndim), out):
        raise OperatorError(library().acn_last_error().decode())
    return {key: tuple(sizes[i * MAX_NDIM : i * MAX_NDIM + ndims[i]]) for i, key in enumerate(shapes)}


def _served(node_operator, name, attributes, of_library=_given, output="output") -> Operator:
    """The library's operator `name` under another name; of_library: a -> its attributes."""

    def build(a):
        given = of_library(a)
        names = _inputs(name, given)
        return lambda *tensors: mxnet_names.call(name, given, dict(zip(names, tensors)))

    return Operator(
        node_operator,
        build,
        attributes,
        inputs=lambda a: _inputs(name, of_library(a)),
        outputs=lambda a: (output,),
        shapes=lambda a, shapes: _inferred(name, of_library(a), shapes),
    )


for _name, _description in descriptions().items():
    # 'raw': as registered with MXNet; the guard behind it (for_mxnet/guard.py) has the node's own name
    register_operator(_served(f"Custom {_name}", _name, _attributes(_description), output="raw"))


def _stock_grid(a) -> dict:
    more = grid(a)
    return {
        "kernel": a.kernel,
        "stride": more["stride"],
        "pad": more["padding"],
        "dilate": more["dilation"],
        "num_filter": a.num_filter,
        "num_group": a.num_group,
        "num_deformable_group": a.num_deformable_group,
        "no_bias": a.no_bias,
    }


_DEFORMABLE = {
    **{name: each for name, each in GRID.items() if not name.startswith("cudnn")},
    "num_deformable_group": integer(1),
    "no_bias": flag(False),
    "layout": choice("NCDHW NCHW NCW", None, (None, "NCHW")),
}
register_operator(
    _served("_contrib_DeformableConvolution", "DeformableConvolution", _DEFORMABLE, _stock_grid),
)
register_operator(
    _served(
        "_contrib_ModulatedDeformableConvolution",
        "ModulatedDeformableConvolution",
        {**_DEFORMABLE, "im2col_step": IGNORED},
        _stock_grid,
    )
)

_BINS = {"spatial_scale": single(), "output_dim": integer(), "pooled_size": integer()}
register_operator(
    _served("_contrib_PSROIPooling", "PSROIPooling", {**_BINS, "group_size": integer(0)}),
)
register_operator(
    _served(
        "_contrib_DeformablePSROIPooling",
        "DeformablePSROIPooling",
        {
            **_BINS,
            "group_size": integer(),
            "part_size": integer(0),
            "sample_per_part": integer(1),
            "trans_std": single(0.0),
            "no_trans": flag(False),
        },
    )
)


def _old_shapes(a, shapes):
    (kernel_y, kernel_x), data = a.kernel, shapes["data"]
    share = data[1] // a.num_group
    return {
        "offset": (2 * kernel_y * kernel_x,),
        "weight": (a.num_filter, share, kernel_y, kernel_x),
        "bias": (a.num_filter,),
    }


@operator(
    "_contrib_ActiveConvolution",
    lambda a: ("data", "offset", *weighted(a)[1:]),
    {
        **{name: each for name, each in _DEFORMABLE.items() if name != "num_deformable_group"},
        "num_active_group": Attribute("integer", 1, (1,)),
    },
    shapes=_old_shapes,
)
def _old_active_convolution(a):
    """The operator of the report's own build (2017): offsets in one row, dy and dx of each tap; a point outside the map
    reads 0 at once (boundary 'inside'). Gradients are the true ones; that build's were not, nor is its normalization of
    them, which no attribute tells, done here."""
    more = grid(a)
    attributes = {
        "stride": more["stride"],
        "pad": more["padding"],
        "dilate": more["dilation"],
        "num_group": a.num_group,
        "boundary": "inside",
    }

    def function(data, offset, weight, bias=None):
        tensors = {"data": data, "offset": offset.reshape(1, 1, *a.kernel, 2), "weight": weight, "bias": bias}
        return mxnet_names.call("ActiveConvolution", attributes, tensors)

    return function
