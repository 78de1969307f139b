# SPDX-License-Identifier: Apache-2.0
"""A network at several scales against the same written with torch.nn.functional: scores, losses, gradients."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
mx = pytest.importorskip("mxnet", reason="MXNet is not installed")

import torch.nn.functional as F  # noqa: E402

from lib.config.multi_scale import check_size, label_name, label_sizes, tag  # noqa: E402
from lib.nets.aspp import aspp  # noqa: E402
from lib.nets.multi_scale import segmentation  # noqa: E402

SCALES, RATES, CLASSES = [1, 0.75, 0.5], [1, 3], 4


def build(pixels, begins):
    body = mx.sym.Convolution(pixels, name="body", kernel=(3, 3), pad=(1, 1), stride=(2, 2), num_filter=5)
    return aspp(mx.sym.Activation(body, name="body_relu", act_type="relu"), CLASSES, RATES)


def scores(values, data):
    x = torch.relu(F.conv2d(data, values["body_weight"], values["body_bias"], stride=2, padding=1))
    return sum(F.conv2d(x, values[f"aspp_c{k}_weight"], values[f"aspp_c{k}_bias"], padding=rate, dilation=rate)
               for k, rate in enumerate(RATES))  # fmt: skip


def reference(values, data):
    """(scores at every scale, the greatest on the first map)."""
    every = [scores(values, F.interpolate(data, scale_factor=each, mode="bilinear", align_corners=False,
                                          recompute_scale_factor=True)) for each in SCALES]  # fmt: skip
    size = every[0].shape[2:]
    large = [F.interpolate(each, size=size, mode="bilinear", align_corners=False) for each in every]
    return every, torch.stack(large).amax(0)


@pytest.fixture
def drawn():
    symbol = segmentation(mx.sym.var("data"), SimpleNamespace(scales=SCALES, train_bn=False), build, True, 255)
    random = np.random.default_rng(0)
    sizes = {1: (17, 24), 0.75: (13, 18), 0.5: (9, 12)}  # pictures of 34 x 48: also 25 x 36 and 17 x 24
    data = {"data": random.standard_normal((2, 3, 34, 48))}
    for scale, size in sizes.items():
        labels = random.integers(0, CLASSES, (2, *size)).astype(float)
        labels[random.random(labels.shape) < 0.2] = 255
        data[label_name(scale)] = labels
    shapes = dict(zip(symbol.list_arguments(), symbol.infer_shape(**{k: v.shape for k, v in data.items()})[0]))
    return symbol, {name: data.get(name, 0.2 * random.standard_normal(shape)) for name, shape in shapes.items()}


def test_losses_and_gradients(drawn):
    symbol, values = drawn
    arrays = {name: mx.nd.array(value, dtype="float64") for name, value in values.items()}
    grads = {name: mx.nd.zeros(value.shape, dtype="float64") for name, value in values.items()}
    executor = symbol.bind(mx.cpu(), arrays, grads)
    outputs = dict(zip(symbol.list_outputs(), executor.forward(is_train=True)))
    executor.backward([mx.nd.ones(each.shape, dtype="float64") for each in outputs.values()])

    tensors = {name: torch.tensor(value, requires_grad=name.startswith(("body", "aspp")))
               for name, value in values.items()}  # fmt: skip
    every, best = reference(tensors, tensors["data"])
    losses = []
    for head, found, label in (("softmax", best, "label"),
                               *((f"softmax_{tag(s)}", x, label_name(s)) for s, x in zip(SCALES, every))):  # fmt: skip
        ours = outputs[f"{head}_output"].asnumpy()
        np.testing.assert_allclose(ours, found.softmax(1).detach(), rtol=0, atol=1e-5, err_msg=head)
        losses.append(F.cross_entropy(found, tensors[label].long(), ignore_index=255))
    sum(losses).backward()
    for name, tensor in tensors.items():
        if tensor.requires_grad:
            np.testing.assert_allclose(grads[name].asnumpy(), tensor.grad, rtol=0, atol=1e-4, err_msg=name)
            assert tensor.grad.abs().max() > 1e-2


def test_a_test_enlarges_the_greatest_scores(drawn):
    _, values = drawn
    symbol = segmentation(mx.sym.var("data"), SimpleNamespace(scales=SCALES, train_bn=False), build, False, 255)
    arrays = {name: mx.nd.array(values[name], dtype="float64") for name in symbol.list_arguments()}
    ours = symbol.bind(mx.cpu(), arrays).forward()[0].asnumpy()
    tensors = {name: torch.tensor(value) for name, value in values.items()}
    best = reference(tensors, tensors["data"])[1]
    large = F.interpolate(best, size=(34, 48), mode="bilinear", align_corners=False)
    np.testing.assert_allclose(ours, large.softmax(1), rtol=0, atol=1e-5)


def test_pictures_of_which_a_scale_leaves_nothing_are_refused():
    net = SimpleNamespace(scales=[1, 0.75, 0.3])
    check_size((4, 100), net)
    with pytest.raises(
        ValueError, match=r"net.scales: 0.3 of 100 x 3 pixels .* leaves none, expected sides of at least 4"
    ):
        check_size((100, 3), net)
    with pytest.raises(ValueError, match="0.3 of 1 x 1 pixels"):
        label_sizes((1, 1), net)


def test_label_sizes_without_scales_are_those_of_the_crop():
    assert label_sizes((33, 49), SimpleNamespace(scales=[])) == {"label": (33, 49)}
