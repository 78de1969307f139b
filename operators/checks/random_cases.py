# SPDX-License-Identifier: Apache-2.0
"""Hypothesis strategies of cases: any sizes the contract allows, small enough to be quick."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from operators.checks.case import Case


def _pairs(least: int, most: int):
    return st.tuples(st.integers(least, most), st.integers(least, most))


@st.composite
def maps(draw, operator: str):
    """Operators whose one attribute is the boundary."""
    data = draw(st.tuples(st.integers(0, 3), st.integers(1, 5), st.integers(1, 9), st.integers(1, 9)))
    return Case(operator, "random", data)


def _fit(size: int, kernel: int, stride: int, dilate: int, pad: int) -> int:
    """The size of a map that gives `size` output positions, or the least there is if that is less than 1."""
    return max(1, (size - 1) * stride + dilate * (kernel - 1) + 1 - 2 * pad)


@st.composite
def convolutions(draw, operator: str):
    """Convolutions, with offset sets over the filters (num_offset_group) and over the channels."""
    kernel, dilate, pad = draw(_pairs(1, 3)), draw(_pairs(1, 3)), draw(_pairs(0, 3))
    stride = draw(st.one_of(st.just((1, 1)), _pairs(1, 3)))
    out = draw(_pairs(1, 6))
    height, width = (_fit(out[i], kernel[i], stride[i], dilate[i], pad[i]) for i in (0, 1))
    num_group, num_deformable_group = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    num_offset_group = draw(st.integers(1, 3))
    channels = num_group * num_deformable_group * draw(st.sampled_from([1, 2, 3, 11, 17]))
    attributes = {
        "kernel": kernel,
        "stride": stride,
        "dilate": dilate,
        "pad": pad,
        "num_filter": num_group * num_offset_group * draw(st.integers(1, 3)),
        "num_group": num_group,
        "num_deformable_group": num_deformable_group,
        "num_offset_group": num_offset_group,
        "no_bias": draw(st.booleans()),
    }
    return Case(operator, "random", (draw(st.integers(0, 3)), channels, height, width), attributes)


@st.composite
def poolings(draw, operator: str):
    """Poolings over regions of interest."""
    pooled_size, output_dim = draw(st.integers(1, 4)), draw(st.sampled_from([1, 2, 4]))
    group_size = draw(st.sampled_from([1, pooled_size, 3]))
    regions = draw(st.integers(0, 3))
    attributes = {
        "spatial_scale": draw(st.sampled_from([1.0, 0.5, 0.3, 0.0625])),
        "output_dim": output_dim,
        "pooled_size": pooled_size,
        "group_size": group_size,
    }
    data = draw(st.tuples(st.integers(0 if regions == 0 else 1, 3), st.just(output_dim * group_size**2),
                          st.integers(1, 9), st.integers(1, 9)))  # fmt: skip
    return Case(operator, "random", data, attributes, no_derivative=("rois",), given={"rois": (regions, 5)})


@st.composite
def moved_poolings(draw, operator: str):
    """Poolings whose bins are moved by an input trans, or have none."""
    case = draw(poolings(operator))
    output_dim, pooled_size = case.attributes["output_dim"], case.attributes["pooled_size"]
    classes = draw(st.sampled_from([k for k in (0, 1, 2) if k == 0 or output_dim % k == 0]))
    part_size = draw(st.integers(0, 4))
    more = {
        "part_size": part_size,
        "sample_per_part": draw(st.integers(1, 4)),
        "no_trans": classes == 0,
        "trans_std": draw(st.sampled_from([0.0, 0.1, 0.5])),
    }
    given, parts = dict(case.given), part_size or pooled_size
    if classes:
        given["trans"] = (given["rois"][0], 2 * classes, parts, parts)
    return replace(case, attributes={**case.attributes, **more}, given=given)


@st.composite
def dynamic_filters(draw, operator: str):
    """Filters of each position's own, at samples around it."""
    attributes = {
        "num_filter": draw(st.integers(1, 3)),
        **{name: draw(_pairs(1, 4)) for name in ("kernel", "samples", "sample_stride")},
        "dilate": draw(_pairs(1, 3)),
        "fusion": draw(st.sampled_from(["sum", "mean"])),
        "residual": draw(st.booleans()),
        "attention_at": draw(st.sampled_from(["sample", "output"])),
        "softmax": draw(st.booleans()),
    }
    channels = st.sampled_from([1, 2, 3, 7, 8, 9, 17])
    data = draw(st.tuples(st.integers(0, 3), channels, st.integers(1, 9), st.integers(1, 9)))
    return Case(operator, "random", data, attributes)
