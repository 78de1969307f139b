# SPDX-License-Identifier: Apache-2.0
"""Random graphs of many operators: values, gradients, statistics and shapes are MXNet's."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
mx = pytest.importorskip("mxnet", reason="MXNet is not installed")

from operators.for_mxnet import sym  # noqa: E402
from operators.for_torch.symbol_net import infer_shapes  # noqa: E402

from symbol_samples import expect_same  # noqa: E402  # isort: skip

S = mx.sym
SHAPES = {"data": (2, 4, 10, 8)}


class Maps:
    """A pool of maps (2, channels, 10, 8) that grows by random operators on random members."""

    def __init__(self, random):
        self.random, self.count = random, 0
        self.maps = [(S.var("data"), 4)]
        self.heads: list = []

    def pick(self) -> tuple:
        """Mostly the newest, so that graphs get deep."""
        back = min(int(self.random.geometric(0.5)), len(self.maps))
        return self.maps[-back]

    def name(self, what: str) -> str:
        self.count += 1
        return f"{what}{self.count}"

    def grow(self) -> None:
        grower = self.random.choice(GROWERS)
        found = grower(self, *self.pick())
        self.maps += found if isinstance(found, list) else [found]


def convolution(maps, x, channels):
    kernel, dilate = int(maps.random.choice([1, 3])), int(maps.random.choice([1, 2]))
    pad = dilate * (kernel // 2)
    filters, groups = int(maps.random.choice([2, 4, 6])), 2 if channels % 2 == 0 and maps.random.random() < 0.3 else 1
    attributes = {"kernel": (kernel,) * 2, "dilate": (dilate,) * 2, "pad": (pad,) * 2, "num_group": groups}
    no_bias = bool(maps.random.random() < 0.5)
    return S.Convolution(x, name=maps.name("conv"), num_filter=filters, no_bias=no_bias, **attributes), filters


def batch_norm(maps, x, channels):
    fix_gamma, stored = (bool(maps.random.random() < 0.5) for _ in range(2))
    return S.BatchNorm(x, name=maps.name("bn"), fix_gamma=fix_gamma, use_global_stats=stored, eps=1e-4), channels


def activation(maps, x, channels):
    return S.Activation(x, act_type=str(maps.random.choice(["relu", "tanh", "sigmoid", "softrelu"]))), channels


def down_and_up(maps, x, channels):
    pool_type = str(maps.random.choice(["max", "avg", "sum"]))
    half = S.Pooling(x, kernel=(2, 2), stride=(2, 2), pool_type=pool_type)
    if maps.random.random() < 0.5:
        return S.UpSampling(half * 0.5, scale=2, sample_type="nearest"), channels
    name = maps.name("up")
    return S.Deconvolution(half, name=name, kernel=(4, 4), stride=(2, 2), pad=(1, 1), num_filter=channels), channels


def overlapping(maps, x, channels):
    more = {"pool_type": str(maps.random.choice(["max", "avg"])), "count_include_pad": bool(maps.random.random() < 0.5)}
    return S.Pooling(x, kernel=(3, 3), pad=(1, 1), **more), channels


def split(maps, x, channels):
    if channels % 2:
        return x * 2, channels
    parts = S.SliceChannel(x, num_outputs=2, name=maps.name("split"))
    return [(parts[0], channels // 2), (parts[1], channels // 2)]


def joined(maps, x, channels):
    other, more = maps.pick()
    return S.Concat(x, other, dim=1), channels + more


def summed(maps, x, channels):
    mean = S.mean(x, axis=1, keepdims=True)
    other, more = maps.pick()
    if more == channels:
        return S.elemwise_add(x, other), channels
    return S.broadcast_sub(x, S.broadcast_mul(mean, S.max(x, axis=(2, 3), keepdims=True))), channels


def normalized(maps, x, channels):
    choice = maps.random.integers(3)
    if choice == 0:
        return S.softmax(x, axis=1), channels
    if choice == 1:
        return S.L2Normalization(x, mode="channel"), channels
    return S.clip(x / 3, a_min=-0.5, a_max=0.5) - S.smooth_l1(x, scalar=1.5), channels


def turned(maps, x, channels):
    y = S.transpose(S.Reshape(x, shape=(0, 0, -1)), axes=(0, 2, 1))
    return S.Reshape(S.SwapAxis(y, dim1=1, dim2=2), shape=(0, 0, -4, 10, -1)), channels


def active(maps, x, channels):
    grid = {"kernel": (3, 3), "pad": (1, 1), "num_filter": 4, "no_bias": True}
    boundary = str(maps.random.choice(["zero", "inside", "border"]))
    return sym.ActiveConvolution(data=x, name=maps.name("acn"), boundary=boundary, **grid), 4


def deformable(maps, x, channels):
    name, grid = maps.name("deform"), {"kernel": (3, 3), "pad": (1, 1)}
    offset = S.Convolution(x, name=f"{name}_offset", num_filter=18, **grid)
    if maps.random.random() < 0.5:
        return S.contrib.DeformableConvolution(x, offset, name=name, num_filter=4, **grid), 4
    mask = S.sigmoid(S.slice_axis(offset, axis=1, begin=0, end=9)) * 2
    return sym.ModulatedDeformableConvolution(data=x, offset=offset, mask=mask, name=name, num_filter=4, **grid), 4


def shifted(maps, x, channels):
    return sym.Shift(data=x, name=maps.name("shift")), channels


def with_a_loss(maps, x, channels):
    """A head on the way, and the way goes on."""
    maps.heads.append(S.MakeLoss(S.mean(S.square(x), axis=(1, 2, 3)), grad_scale=0.3, normalization="batch"))
    return S.BlockGrad(x) + x, channels


GROWERS = [convolution, batch_norm, activation, down_and_up, overlapping, split, joined, summed, normalized, turned]
GROWERS += [active, deformable, shifted, with_a_loss, convolution, activation]


def random_graph(seed: int):
    maps = Maps(np.random.default_rng(seed))
    for _ in range(12):
        maps.grow()
    x, _ = maps.maps[-1]
    score = S.Convolution(x, name="score", kernel=(1, 1), num_filter=3)
    label = {"multi_output": True, "use_ignore": True, "ignore_label": 2, "normalization": "valid"}
    return S.Group([S.SoftmaxOutput(score, S.var("label"), name="softmax", **label), *maps.heads])


def values(symbol, seed: int) -> tuple:
    random = np.random.default_rng(seed)
    shapes, _, aux_shapes = symbol.infer_shape(**SHAPES)
    arg = {}
    for name, shape in zip(symbol.list_arguments(), shapes):
        arg[name] = random.standard_normal(shape) / np.sqrt(max(np.prod(shape[1:]), 1) if len(shape) == 4 else 1)
    arg["data"] = random.standard_normal(SHAPES["data"])
    arg["label"] = random.integers(0, 3, (2, 80)).astype(float)
    return arg, {name: random.uniform(0.5, 2, s) for name, s in zip(symbol.list_auxiliary_states(), aux_shapes)}


@pytest.mark.parametrize("seed", range(40))
def test_a_random_graph(seed):
    symbol = random_graph(seed)
    arg, aux = values(symbol, seed)
    expect_same(symbol, arg, aux)
    internals = symbol.get_internals()
    arg_shapes, out_shapes, aux_shapes = internals.infer_shape(**SHAPES)
    want = dict(zip(internals.list_arguments(), arg_shapes))
    want.update(zip(internals.list_outputs(), out_shapes))
    want.update(zip(internals.list_auxiliary_states(), aux_shapes))
    assert infer_shapes(symbol.tojson(), **SHAPES) == want


def test_the_graphs_reach_every_grower():
    """Else the test above would say less than it seems to."""
    text = "".join(random_graph(seed).tojson() for seed in range(40))
    for operator in (
        "SliceChannel Concat Deconvolution UpSampling L2Normalization transpose Custom MakeLoss BlockGrad "
        "broadcast_sub _contrib_DeformableConvolution smooth_l1 Pooling BatchNorm"
    ).split():
        assert f'"op": "{operator}"' in text, operator
