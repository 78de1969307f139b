# SPDX-License-Identifier: Apache-2.0
"""What becomes of every field of Caffe's messages: it is used, it is of no consequence here, or it is an error.

A field that is read and forgotten would make another network than the one that was trained. `USED` names what
`layers`, `aconv` and `read` look at, `HARMLESS` what only matters in training or for speed; a field in neither is
refused where it is set, and so is one that is used, but not in this combination.
"""

from __future__ import annotations

from collections.abc import Iterator

TRAIN = 0  # the enum Phase

_CONVOLUTION = (
    "num_output bias_term pad kernel_size group stride pad_h pad_w kernel_h kernel_w stride_h stride_w axis dilation"
)
USED = {
    "NetParameter": "name input input_dim input_shape state layer",
    "NetState": "phase level stage",
    "NetStateRule": "phase min_level max_level stage not_stage",
    "LayerParameter": "name type bottom top param include exclude phase",
    "ParamSpec": "name",
    "BlobShape": "dim",
    "ConvolutionParameter": _CONVOLUTION,
    "AConvParameter": "pad pad_h pad_w type base_radius position_group base_angle normalize",
    "InnerProductParameter": "num_output bias_term axis transpose",
    "BatchNormParameter": "use_global_stats moving_average_fraction eps",
    "ScaleParameter": "axis num_axes bias_term",
    "ReLUParameter": "negative_slope",
    "PoolingParameter": "pool kernel_size stride pad kernel_h kernel_w stride_h stride_w pad_h pad_w global_pooling "
    "round_mode",
    "EltwiseParameter": "operation coeff",
    "ConcatParameter": "concat_dim axis",
    "FlattenParameter": "axis end_axis",
    "DropoutParameter": "dropout_ratio",
    "SoftmaxParameter": "axis",
    "InputParameter": "shape",
}
HARMLESS = {
    "NetParameter": "force_backward debug_info",  # which gradients are computed, what is printed
    "LayerParameter": "loss_weight propagate_down",  # of training
    "ParamSpec": "share_mode lr_mult decay_mult",  # of training; that two layers share is refused by the name
    "ConvolutionParameter": "weight_filler bias_filler engine force_nd_im2col",  # values before training; the algorithm
    "AConvParameter": "pos_filler_std",  # the same
    "InnerProductParameter": "weight_filler bias_filler",
    "ScaleParameter": "filler bias_filler",
    "ReLUParameter": "engine",
    "PoolingParameter": "engine",
    "EltwiseParameter": "stable_prod_grad",  # the gradient
    "SoftmaxParameter": "engine",
}
OWN = {
    "Input": ("input_param",),
    "AConvFast": ("convolution_param", "aconv_param"),
    "Convolution": ("convolution_param",),
    "InnerProduct": ("inner_product_param",),
    "BatchNorm": ("batch_norm_param",),
    "Scale": ("scale_param",),
    "ReLU": ("relu_param",),
    "Pooling": ("pooling_param",),
    "Eltwise": ("eltwise_param",),
    "Concat": ("concat_param",),
    "Flatten": ("flatten_param",),
    "Dropout": ("dropout_param",),
    "Softmax": ("softmax_param",),
}
"""Which parameters a layer of each type has."""

ALONE = (  # if the first is given, none of the others may be
    ("convolution_param", "kernel_size", ("kernel_h", "kernel_w")),
    ("convolution_param", "pad", ("pad_h", "pad_w")),
    ("convolution_param", "stride", ("stride_h", "stride_w")),
    ("pooling_param", "kernel_size", ("kernel_h", "kernel_w")),
    ("pooling_param", "pad", ("pad_h", "pad_w")),
    ("pooling_param", "stride", ("stride_h", "stride_w")),
    ("pooling_param", "global_pooling", ("kernel_size", "kernel_h", "kernel_w")),
    ("aconv_param", "pad", ("pad_h", "pad_w")),
    ("concat_param", "concat_dim", ("axis",)),
)
TOGETHER = (
    *(("pooling_param", f"{name}_h", f"{name}_w") for name in ("kernel", "pad", "stride")),
    *(("convolution_param", f"{name}_h", f"{name}_w") for name in ("kernel", "pad", "stride")),
)
AT_LEAST_ONE = {
    "convolution_param": "num_output kernel_size group stride kernel_h kernel_w stride_h stride_w dilation",
    "pooling_param": "kernel_size kernel_h kernel_w stride stride_h stride_w",
    "inner_product_param": "num_output",
    "aconv_param": "position_group",
}


def net_faults(net) -> Iterator[str]:
    """A sentence for every field above the layers of a NetParameter that would be forgotten."""
    yield from _unknown(net, "")
    if net.state.phase == TRAIN and net.state.HasField("phase") or net.state.level or net.state.stage:
        yield "state: expected the TEST phase, level 0, no stage"
    if net.input_shape and net.input_dim:
        yield "input_shape and input_dim stand together; expected one of them"
    if len(net.input_shape) not in (0, len(net.input)):
        yield f"input_shape: {len(net.input_shape)} of them for {len(net.input)} inputs"
    if len(net.input_dim) not in (0, 4 * len(net.input)):
        yield f"input_dim: {len(net.input_dim)} numbers for {len(net.input)} inputs, expected four each"


def layer_faults(spec) -> Iterator[str]:
    """A sentence for every field of a LayerParameter, of a supported type, that would be forgotten or misread."""
    yield from _unknown(spec, "")
    own = OWN[spec.type]
    for name in OWN_NAMES - set(own):
        if spec.HasField(name):
            yield f"{name}: a {spec.type} layer has none"
    if spec.HasField("phase") and spec.phase == TRAIN:
        yield "phase: expected TEST; in the TRAIN phase Caffe would drop values and use a batch's own statistics"
    if spec.include and spec.exclude:
        yield "include and exclude stand together; expected one of them"
    for part in own:
        yield from _combinations(spec, part)
    if spec.batch_norm_param.HasField("use_global_stats") and not spec.batch_norm_param.use_global_stats:
        yield "batch_norm_param.use_global_stats: false takes each batch's own statistics; expected the stored ones"
    if spec.type == "AConvFast" and spec.aconv_param.type and (
        any(spec.convolution_param.pad) or spec.convolution_param.pad_h or spec.convolution_param.pad_w
    ):  # fmt: skip
        yield "convolution_param.pad: only type SQUARE takes it; others have aconv_param.pad"
    pool = spec.pooling_param
    if pool.global_pooling and (pool.pad or pool.pad_h or pool.pad_w or pool.stride != 1 or pool.stride_h > 1
                                or pool.stride_w > 1):  # fmt: skip
        yield "pooling_param.global_pooling: takes neither pad nor stride"
    count, several = len(spec.bottom), spec.type in ("Eltwise", "Concat")
    if spec.type != "Input" and (count < 1 if several else count != 1):
        yield f"expected {'inputs' if several else 'one input'}, has {list(spec.bottom)}"


def _combinations(spec, part: str) -> Iterator[str]:
    message = getattr(spec, part)
    given = {field.name for field, _ in message.ListFields()}
    for name, alone, others in ALONE:
        if name == part and alone in given and getattr(message, alone) and (both := given & set(others)):
            yield f"{part}.{alone} and {', '.join(sorted(both))} stand together; expected one of them"
    for name, first, second in TOGETHER:
        if name == part and (first in given) != (second in given):
            yield f"{part}.{first} and {second} stand together or not at all"
    for name in AT_LEAST_ONE.get(part, "").split():
        if name in given:
            value = getattr(message, name)
            if min(value if not isinstance(value, int) else [value]) < 1:
                yield f"{part}.{name}: expected at least 1, got {value}"
    for name in ("kernel_size", "pad", "stride", "dilation"):
        if part == "convolution_param" and len(getattr(message, name)) > 2:
            yield f"{part}.{name}: expected one number or two, got {list(getattr(message, name))}"


def _unknown(message, above: str) -> Iterator[str]:
    """Fields that are set and neither used nor harmless, at any depth."""
    kind = message.DESCRIPTOR.name
    used, harmless = USED.get(kind, "").split(), HARMLESS.get(kind, "").split()
    parts = set().union(*OWN.values()) if kind == "LayerParameter" else set()
    for field, value in message.ListFields():
        if field.name in harmless or (kind == "NetParameter" and field.name == "layer"):
            continue
        if field.name not in used and field.name not in parts:
            yield f"{above}{field.name} is not used here, which would make it another network"
        elif field.type == field.TYPE_MESSAGE:
            repeated = not hasattr(value, "DESCRIPTOR")
            for each in value if repeated else [value]:
                yield from _unknown(each, f"{above}{field.name}.")


OWN_NAMES = set().union(*OWN.values())
