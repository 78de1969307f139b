# SPDX-License-Identifier: Apache-2.0
"""Every served operator of stock MXNet against MXNet: values and gradients of all inputs, in float64."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
mx = pytest.importorskip("mxnet", reason="MXNet is not installed")

from operators.for_torch.symbol_net import SymbolNet  # noqa: E402
from operators.for_torch.symbols.elementwise import BINARY, SCALAR, UNARY  # noqa: E402
from operators.library import OperatorError  # noqa: E402

from symbol_samples import close, draw, expect_same  # noqa: E402  # isort: skip

S, INTERNAL = mx.sym, mx.sym._internal
X, Y, W = (S.var(name) for name in "xyw")
MAP = {"x": (2, 3, 5, 4)}
POSITIVE = ("log", "log1p", "sqrt", "rsqrt", "reciprocal")


def both(symbol, **shapes):
    arg, aux = draw(symbol, **shapes)
    for training in (True, False):
        expect_same(symbol, arg, aux, training=training)


@pytest.mark.parametrize("name", UNARY)
def test_unary(name):
    both(getattr(S, name)(S.square(X) + 0.1 if name in POSITIVE else X), **MAP)


@pytest.mark.parametrize("name", BINARY)
def test_binary(name):
    left = S.abs(X) + 0.1 if name == "power" else X
    both(getattr(S, f"broadcast_{name}")(left, Y), x=(2, 3, 4), y=(1, 3, 1))
    both(getattr(S, f"broadcast_{name}")(left, Y), x=(2, 3, 4), y=(4,))
    function = getattr(S, f"elemwise_{name}", None) or getattr(INTERNAL, f"_{name}")
    both(function(left, Y), x=(2, 3), y=(2, 3))


@pytest.mark.parametrize("name", SCALAR)
def test_with_a_scalar(name):
    both(getattr(INTERNAL, f"_{name}_scalar")(S.abs(X) + 0.1 if name == "power" else X, scalar=1.3), **MAP)


@pytest.mark.parametrize("name", ["maximum", "minimum"])
def test_equals_share_no_gradient(name):
    """Where both are equal the first one has it all."""
    equal = {"x": np.array([1.0, 1.0, 2.0]), "y": np.array([1.0, 2.0, 1.0])}
    expect_same(getattr(S, f"broadcast_{name}")(X, Y), equal, {})
    expect_same(getattr(INTERNAL, f"_{name}_scalar")(X, scalar=1.0), {"x": equal["x"]}, {})


ELEMENTWISE = {
    "smooth_l1": (S.smooth_l1(X, scalar=1.7), MAP),
    "smooth_l1 of 1": (S.smooth_l1(X), MAP),
    "clip": (S.clip(X, a_min=-0.5, a_max=0.7), MAP),
    "clip below": (S.clip(X, a_min=0.1, a_max=float("inf")), MAP),
    "BlockGrad": (S.BlockGrad(X) * X, MAP),
    "add_n": (S.add_n(X, Y, X), {"x": (2, 3), "y": (2, 3)}),
    "where": (S.where(X > 0, Y, W), {"x": (2, 3), "y": (2, 3), "w": (2, 3)}),
    "where of rows": (S.where(X > 0, Y, W), {"x": (2,), "y": (2, 3), "w": (2, 3)}),
    "Cast": (S.Cast(S.Cast(X, dtype="float32"), dtype="float64"), MAP),
    "make_loss": (S.make_loss(S.square(X)) * 3, MAP),
}
_RESHAPES = [(-1,), (0, -1), (0, 0, -3), (0, -2), (-4, 1, -1, -2), (0, -4, -1, 3, 0, 0), (-3, -3), (6, -1)]
ARRAYS = {
    **{f"Reshape {codes}": (S.Reshape(X, shape=codes) * 2, MAP) for codes in _RESHAPES},
    "Reshape reversed": (S.Reshape(X, shape=(10, -1, 0), reverse=True) * 2, {"x": (2, 5, 4, 3)}),
    "Reshape of 2015": (S.Reshape(X, target_shape=(2, 0)) * 2, MAP),
    "Reshape of 2015, kept": (S.Reshape(X, target_shape=(0, 0), keep_highest=True) * 2, MAP),
    "Flatten": (S.Flatten(X), MAP),
    "transpose": (S.transpose(X), MAP),
    "transpose axes": (S.transpose(X, axes=(0, 2, 3, 1)), MAP),
    "SwapAxis": (S.SwapAxis(X, dim1=1, dim2=3), MAP),
    "expand_dims": (S.expand_dims(S.expand_dims(X, axis=1), axis=-1), MAP),
    "Concat": (S.Concat(X, Y, dim=1), {"x": (2, 3, 2), "y": (2, 1, 2)}),
    "Concat last": (S.Concat(X, Y, X, dim=-1), {"x": (2, 3, 2), "y": (2, 3, 1)}),
    "stack": (S.stack(X, Y, axis=1), {"x": (2, 3), "y": (2, 3)}),
    "SliceChannel": (S.SliceChannel(X, num_outputs=3, axis=1), MAP),
    "SliceChannel of 1": (S.SliceChannel(X, num_outputs=1), MAP),
    "slice_axis": (S.slice_axis(X, axis=1, begin=1, end=None), MAP),
    "slice_axis from behind": (S.slice_axis(X, axis=-1, begin=-3, end=-1), MAP),
    "slice": (S.slice(X, begin=(0, 1), end=(2, 3)), MAP),
    "slice with steps": (S.slice(X, begin=(None, None, 1), end=(None, None, None), step=(1, 1, 2)), MAP),
    "slice from behind": (S.slice(X, begin=(-1,), end=(None,)), MAP),
    "pick": (S.pick(X, S.BlockGrad(Y * 3), axis=1), {"x": (3, 4, 2), "y": (3, 2)}),
    "pick wrapped": (S.pick(X, S.BlockGrad(Y * 9), axis=1, mode="wrap"), {"x": (3, 4, 2), "y": (3, 2)}),
    "pick kept": (S.pick(X, S.BlockGrad(Y), keepdims=True), {"x": (3, 4, 2), "y": (3, 4, 1)}),
    "one_hot": (S.one_hot(S.BlockGrad(X * 2), depth=3, on_value=2.5, off_value=-1, dtype="float64"), {"x": (3, 4)}),
    "broadcast_to": (S.broadcast_to(X, shape=(0, 3, 4)), {"x": (2, 1, 4)}),
    "broadcast_axis": (S.broadcast_axis(X, axis=(1, 2), size=(3, 5)), {"x": (2, 1, 1)}),
    "broadcast_like": (S.broadcast_like(X, Y), {"x": (2, 1, 4), "y": (2, 3, 4)}),
}
_AXES = [{}, {"axis": 1}, {"axis": (1, -1), "keepdims": True}, {"axis": 1, "exclude": True}, {"axis": ()}]
_AXES += [{"keepdims": True}, {"axis": (0, 1, 2, 3), "exclude": True}]
REDUCTIONS = {
    f"{name} {axes}": (getattr(S, name)(S.relu(X), **axes) * 2, MAP)  # with equals
    for name in ("sum", "mean", "max", "min")
    for axes in _AXES
}
NORMALIZATIONS = {
    **{name: (getattr(S, name)(X) * X, MAP) for name in ("softmax", "log_softmax", "softmin")},
    "softmax tempered": (S.softmax(X, axis=1, temperature=2.5) * X, MAP),
    **{
        f"L2 {mode}": (S.L2Normalization(X, mode=mode, eps=0.1) * X, MAP) for mode in ("instance", "channel", "spatial")
    },
    "BatchNorm": (S.BatchNorm(X, fix_gamma=False, momentum=0.7, eps=2e-5) * X, MAP),
    "BatchNorm defaults": (S.BatchNorm(X) * X, MAP),
    "BatchNorm stored": (S.BatchNorm(X, use_global_stats=True) * X, MAP),
}
_POOLS = [{}, {"pad": (1, 1)}, {"pad": (1, 1), "count_include_pad": False}, {"pad": (1, 1), "count_include_pad": True}]
LAYERS = {
    "Convolution": (
        S.Convolution(X, num_filter=4, kernel=(3, 2), stride=(2, 1), pad=(1, 2), dilate=(1, 2), num_group=2),
        {"x": (2, 4, 7, 8)},
    ),
    "Convolution bare": (S.Convolution(X, num_filter=4, kernel=(1, 1), no_bias=True, workspace=9, cudnn_off=True), MAP),
    "Deconvolution": (
        S.Deconvolution(X, num_filter=4, kernel=(4, 3), stride=(2, 2), pad=(1, 0), adj=(1, 0), num_group=2),
        {"x": (2, 4, 4, 3)},
    ),
    "Deconvolution bias": (S.Deconvolution(X, num_filter=4, kernel=(4, 3), dilate=(2, 1), no_bias=False), MAP),
    "Deconvolution target": (S.Deconvolution(X, num_filter=3, kernel=(4, 4), stride=(2, 2), target_shape=(9, 8)), MAP),
    "FullyConnected": (S.FullyConnected(X, num_hidden=5), MAP),
    "FullyConnected last": (S.FullyConnected(X, num_hidden=5, flatten=False, no_bias=True), MAP),
    **{name: (S.Activation(X, act_type=name), MAP) for name in ("relu", "sigmoid", "tanh", "softsign", "softrelu")},
    "elu": (S.LeakyReLU(X, act_type="elu", slope=0.3), MAP),
    "nearest": (S.UpSampling(X, scale=2, sample_type="nearest"), MAP),
    "nearest joined": (
        S.UpSampling(X, Y, scale=2, sample_type="nearest", num_args=2),
        {"x": (2, 3, 4, 4), "y": (2, 1, 2, 2)},
    ),
    "nearest summed": (
        S.UpSampling(X, Y, scale=2, sample_type="nearest", num_args=2, multi_input_mode="sum"),
        {"x": (2, 3, 4, 4), "y": (2, 3, 4, 4)},
    ),
    **{
        f"bilinear {scale}": (
            S.UpSampling(X, S.var("up_weight"), scale=scale, sample_type="bilinear", num_filter=3, num_args=1),
            MAP,
        )
        for scale in (2, 3)
    },
    **{
        f"Pooling {pool_type} {convention} {more}": (
            S.Pooling(
                S.relu(X), kernel=(3, 2), stride=(2, 2), pool_type=pool_type, pooling_convention=convention, **more
            ),
            {"x": (2, 3, 8, 6)},
        )
        for pool_type in ("max", "avg", "sum")
        for convention in ("valid", "full")
        for more in _POOLS
    },
    **{
        f"Pooling {pool_type} global": (S.Pooling(S.relu(X), global_pool=True, pool_type=pool_type), MAP)
        for pool_type in ("max", "avg", "sum")
    },
}
_RESIZED = {"size": {"height": 9, "width": 7}, "smaller": {"height": 3, "width": 2},
            "scaled": {"scale_height": 0.75, "scale_width": 1.5}}  # fmt: skip
RESIZES = {
    **{f"BilinearResize2D {how}": (S.contrib.BilinearResize2D(X, align_corners=False, **size), MAP)
       for how, size in _RESIZED.items()},
    "BilinearResize2D like": (S.broadcast_mul(S.contrib.BilinearResize2D(X, Y, mode="like", align_corners=False),
                                              S.sum(Y, axis=1, keepdims=True)), {**MAP, "y": (2, 1, 41, 13)}),
}  # fmt: skip
_MATCHED = {
    "": {"max_displacement": 2, "pad_size": 2},
    "with steps": {"max_displacement": 3, "pad_size": 3, "stride1": 2, "stride2": 2},
    "of windows": {"kernel_size": 3, "max_displacement": 2, "pad_size": 3},
    "of windows with steps": {"kernel_size": 3, "max_displacement": 2, "pad_size": 4, "stride1": 2, "stride2": 2},
    "inside": {"kernel_size": 3, "max_displacement": 1},
}
MATCHES = {
    f"Correlation {how}{' of differences' * (not multiply)}": (
        S.Correlation(X, Y, is_multiply=multiply, **attributes),
        {"x": (2, 3, 7, 6), "y": (2, 3, 7, 6)},
    )
    for how, attributes in _MATCHED.items()
    for multiply in (True, False)
}
CASES = {**ELEMENTWISE, **ARRAYS, **REDUCTIONS, **NORMALIZATIONS, **LAYERS, **RESIZES, **MATCHES}


@pytest.mark.parametrize("case", CASES)
def test_as_in_mxnet(case):
    symbol, shapes = CASES[case]
    both(symbol, **shapes)


def test_differences_of_equals_have_a_gradient_in_a_correlation():
    """That of the first minus the second."""
    random = np.random.default_rng(0)
    arg = {name: random.integers(0, 2, (2, 3, 5, 4)).astype(float) for name in "xy"}
    expect_same(S.Correlation(X, Y, max_displacement=1, pad_size=1, is_multiply=False), arg, {})


def test_roi_pooling():
    """Regions inside, partly and wholly outside, upside down; equal values in a bin."""
    random = np.random.default_rng(0)
    rois = np.column_stack([random.integers(0, 2, 30), random.uniform(-6, 14, (30, 4))]).round(1)
    arg = {"x": random.integers(-2, 3, (2, 3, 8, 6)).astype(float), "y": rois}
    expect_same(S.ROIPooling(X, Y, pooled_size=(3, 2), spatial_scale=0.6), arg, {})


@pytest.mark.parametrize("act_type", ["leaky", "prelu", "gelu"])
@pytest.mark.parametrize("shape", [(3, 4), (2, 3, 4, 2)])
def test_what_mxnet_rounds_to_float32(act_type, shape):
    """Also in float64."""
    symbol = S.LeakyReLU(X, act_type=act_type, slope=0.3)
    expect_same(symbol, *draw(symbol, x=shape), tolerance=2e-6)


FLOAT32 = {
    "Crop": (S.Crop(X, Y, offset=(1, 1)), {"x": (2, 3, 5, 4), "y": (2, 1, 3, 2)}),
    "Crop to a size": (S.Crop(X, h_w=(2, 3), offset=(1, 0)), MAP),
    "Crop the middle": (S.Crop(X, Y, center_crop=True), {"x": (2, 3, 5, 6), "y": (2, 1, 2, 2)}),
    "SoftmaxActivation": (S.SoftmaxActivation(X) * X, {"x": (3, 4)}),
    "SoftmaxActivation channel": (S.SoftmaxActivation(X, mode="channel") * X, MAP),
    # In float64 MXNet 1.9.1 gives nonsense for a deconvolution with both.
    "Deconvolution stride and dilate": (
        S.Deconvolution(X, num_filter=4, kernel=(4, 3), stride=(2, 3), dilate=(2, 1)),
        MAP,
    ),
}


@pytest.mark.parametrize("case", FLOAT32)
def test_what_mxnet_has_in_float32_only(case):
    symbol, shapes = FLOAT32[case]
    arg, _ = draw(symbol, **shapes)
    arrays = {name: mx.nd.array(values, dtype="float32") for name, values in arg.items()}
    for array in arrays.values():
        array.attach_grad()
    executor = symbol.bind(mx.cpu(), arrays, {name: array.grad for name, array in arrays.items()})
    (want,) = executor.forward(is_train=True)
    executor.backward(mx.nd.ones(want.shape))
    net = SymbolNet(symbol.tojson(), {name: values.astype(np.float32) for name, values in arg.items()}, {})
    out = net()
    net.backward_heads(out)
    close(out.detach().numpy(), want.asnumpy(), 1e-5, "output")
    for name, parameter in net.named_parameters():
        close(parameter.grad.numpy(), arrays[name].grad.asnumpy(), 1e-5, name)


@pytest.mark.parametrize("attributes, shapes, told", [
    ({}, ((1, 3, 5, 4), (1, 3, 5, 5)), r"data2.*\(1, 3, 5, 5\)"),
    ({"max_displacement": 4, "pad_size": 1}, ((1, 3, 5, 4),) * 2, "too small for max_displacement=4"),
    ({"stride2": 0}, ((1, 3, 5, 4),) * 2, "stride1 and stride2 at least 1"),
    ({"kernel_size": 2}, ((1, 3, 5, 4),) * 2, "kernel_size must be odd"),
])  # fmt: skip
def test_what_a_correlation_cannot_compute_is_refused(attributes, shapes, told):
    """MXNet 1.9.1 reads outside its memory, divides by 0 or gives a map of 2**32 places."""
    symbol = S.Correlation(X, Y, **{"max_displacement": 1, "pad_size": 1, **attributes})
    with pytest.raises(OperatorError, match=told):
        SymbolNet(symbol.tojson(), {name: np.zeros(shape) for name, shape in zip("xy", shapes)}, {})()
