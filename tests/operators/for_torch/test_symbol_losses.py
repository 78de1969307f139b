# SPDX-License-Identifier: Apache-2.0
"""Losses inside graphs have MXNet's gradients, for every combination of their attributes."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
mx = pytest.importorskip("mxnet", reason="MXNet is not installed")

from operators.for_torch.symbol_net import SymbolNet  # noqa: E402
from operators.library import OperatorError  # noqa: E402

from symbol_samples import close, expect_same, in_mxnet, in_torch  # noqa: E402  # isort: skip

NORMALIZATIONS = ("null", "batch", "valid")
SCALES = (1.0, 0.3)  # 0.3 is none of float32's numbers


def scaled(output):
    """A value above the loss, so that a gradient from above would show."""
    return output * 3


@pytest.mark.parametrize("form", ["matrix", "preserve_shape", "multi_output", "multi_output 4-D"])
@pytest.mark.parametrize("normalization", NORMALIZATIONS)
def test_softmax_output(form, normalization):
    data_shape = {"matrix": (6, 5), "preserve_shape": (2, 3, 5), "multi_output": (2, 5, 3)}.get(form, (2, 5, 3, 2))
    multi = form.startswith("multi_output")
    label_shape = (data_shape[0], *data_shape[2:]) if multi else data_shape[:-1]
    random = np.random.default_rng(0)
    for grad_scale, ignore, smooth in itertools.product(SCALES, (None, 2, 255), (0.0, 0.1)):
        attributes = {"normalization": normalization, "grad_scale": grad_scale, "smooth_alpha": smooth}
        attributes.update({"multi_output": True} if multi else {"preserve_shape": form == "preserve_shape"})
        if ignore is not None:
            attributes.update(use_ignore=True, ignore_label=ignore)
        symbol = scaled(mx.sym.SoftmaxOutput(mx.sym.var("data"), mx.sym.var("label"), name="loss", **attributes))
        label = random.choice([0, 1, 2, 3, 4, 255], label_shape).astype(float)
        expect_same(symbol, {"data": random.standard_normal(data_shape), "label": label}, {})


@pytest.mark.parametrize("normalization", NORMALIZATIONS)
@pytest.mark.parametrize("ignored", ["all", "none"])
def test_softmax_output_of_extreme_labels(normalization, ignored):
    """Where nothing counts the divisor is 1; labels that are no class have no target."""
    data = np.random.default_rng(1).standard_normal((2, 3, 2, 2))
    label = np.full((2, 2, 2), 255.0) if ignored == "all" else np.array([-3, 7, 0, 1, 2, -1, 3, 300.0]).reshape(2, 2, 2)
    symbol = mx.sym.SoftmaxOutput(
        mx.sym.var("data"),
        mx.sym.var("label"),
        multi_output=True,
        use_ignore=True,
        ignore_label=255,
        normalization=normalization,
    )
    expect_same(symbol, {"data": data, "label": label}, {})


@pytest.mark.parametrize("label_shape", [(2, 6), (2, 1, 3, 2), (2, 3, 2)])
def test_forms_of_a_label_of_pixels(label_shape):
    random = np.random.default_rng(2)
    arg = {"data": random.standard_normal((2, 4, 3, 2)), "label": random.integers(0, 4, label_shape).astype(float)}
    symbol = mx.sym.SoftmaxOutput(mx.sym.var("data"), mx.sym.var("label"), multi_output=True, normalization="batch")
    expect_same(symbol, arg, {})


@pytest.mark.parametrize("attributes", [{}, {"grad_scale": 0.3}, {"normalization": "batch"}, {"smooth_alpha": 0.1}])
def test_softmax_output_with_probabilities_for_labels(attributes):
    random = np.random.default_rng(3)
    arg = {"data": random.standard_normal((3, 4)), "label": random.dirichlet(np.ones(4), 3)}
    expect_same(mx.sym.SoftmaxOutput(mx.sym.var("data"), mx.sym.var("label"), **attributes), arg, {})


@pytest.mark.parametrize("operator", ["LinearRegressionOutput", "LogisticRegressionOutput", "MAERegressionOutput"])
@pytest.mark.parametrize("label_shape", [(2, 3, 2), (2, 6)])
@pytest.mark.parametrize("grad_scale", SCALES)
def test_regression_outputs(operator, label_shape, grad_scale):
    random = np.random.default_rng(4)
    symbol = scaled(getattr(mx.sym, operator)(mx.sym.var("data"), mx.sym.var("label"), grad_scale=grad_scale))
    expect_same(symbol, {"data": random.standard_normal((2, 3, 2)), "label": random.standard_normal(label_shape)}, {})


@pytest.mark.parametrize("operator", ["LinearRegressionOutput", "LogisticRegressionOutput", "MAERegressionOutput"])
def test_regression_of_one_number_an_image(operator):
    random = np.random.default_rng(5)
    arg = {"data": random.standard_normal((4, 1)), "label": random.standard_normal(4)}
    expect_same(getattr(mx.sym, operator)(mx.sym.var("data"), mx.sym.var("label")), arg, {})


@pytest.mark.parametrize("normalization", NORMALIZATIONS)
@pytest.mark.parametrize("valid_thresh", [0.0, 0.3])
@pytest.mark.parametrize("grad_scale", SCALES)
@pytest.mark.parametrize("shape", [(5,), (3, 4), (2, 3, 2, 4)])
def test_make_loss(normalization, valid_thresh, grad_scale, shape):
    values = mx.sym.smooth_l1(mx.sym.var("data"), scalar=3.0)
    attributes = {"normalization": normalization, "valid_thresh": valid_thresh, "grad_scale": grad_scale}
    symbol = scaled(mx.sym.MakeLoss(values, **attributes))
    expect_same(symbol, {"data": np.random.default_rng(6).standard_normal(shape)}, {})


def test_several_heads_of_one_graph():
    """As a detector's: two losses, and labels that are given back without a gradient."""
    data, label, target = (mx.sym.var(name) for name in ("data", "label", "target"))
    hidden = mx.sym.FullyConnected(data, num_hidden=4, name="hidden")
    heads = [
        mx.sym.SoftmaxOutput(hidden, label, name="class", normalization="valid", use_ignore=True),
        mx.sym.MakeLoss(mx.sym.smooth_l1(hidden - target, scalar=3), grad_scale=0.25, name="box"),
        mx.sym.BlockGrad(label),
    ]
    symbol = mx.sym.Group(heads)
    random = np.random.default_rng(7)
    shapes = dict(zip(symbol.list_arguments(), symbol.infer_shape(data=(5, 3), label=(5,), target=(5, 4))[0]))
    arg = {name: random.standard_normal(shape) for name, shape in shapes.items()}
    arg["label"] = np.array([-1.0, 0, 3, 2, -1])
    expect_same(symbol, arg, {})


def test_the_cross_entropy_operator_passes_on_what_comes_from_above():
    random = np.random.default_rng(8)
    arg = {"data": random.standard_normal((4, 3)), "label": np.array([0.0, 2, 1, 2])}
    label = mx.sym.BlockGrad(mx.sym.var("label"))  # MXNet refuses to give it a gradient
    expect_same(scaled(mx.sym.softmax_cross_entropy(mx.sym.var("data"), label)), arg, {})


def test_without_its_label_a_loss_has_a_value_and_no_gradient():
    data = mx.sym.FullyConnected(mx.sym.var("data"), num_hidden=3, name="fc")
    symbol = mx.sym.SoftmaxOutput(data, mx.sym.var("label") + 1, name="loss")
    parameters = {"fc_weight": np.eye(3, 4), "fc_bias": np.zeros(3)}
    net = SymbolNet(symbol.tojson(), parameters, {})
    x = torch.randn(2, 4, dtype=torch.float64)
    assert net.inputs == ("data", "label") and net.labels == ("label",)
    with pytest.raises(OperatorError, match="'label' is neither an input of this call nor a parameter"):
        net(data=x)
    out = net.eval()(data=x)
    assert torch.equal(out, net(data=x, label=torch.zeros(2)))
    with pytest.raises(OperatorError, match="needs its label, which this call left out"):
        out.sum().backward()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_logits_have_a_loss_in_float32(dtype):
    symbol = mx.sym.SoftmaxOutput(mx.sym.var("data"), mx.sym.var("label"), multi_output=True, normalization="valid")
    net = SymbolNet(symbol.tojson(), {}, {})
    data = torch.randn(2, 3, 5, dtype=torch.float64).to(dtype).requires_grad_()
    label = torch.randint(0, 3, (2, 5))
    out = net(data=data, label=label)
    net.backward_heads(out)
    want = data.detach().float().requires_grad_()
    torch.nn.functional.cross_entropy(want, label).backward()
    assert out.dtype == torch.float32 and data.grad.dtype == dtype
    torch.testing.assert_close(data.grad.float(), want.grad, atol=2e-3, rtol=0)


def test_gradients_are_multiplied_by_nothing_from_above():
    """in_mxnet gives heads ones; here they get something else."""
    symbol = mx.sym.LinearRegressionOutput(mx.sym.var("data"), mx.sym.var("label"))
    arg = {"data": np.array([[1.0, 2.0]]), "label": np.array([[0.0, 4.0]])}
    _, want, _, _ = in_mxnet(symbol, arg, {})
    _, got, _, _ = in_torch(symbol, arg, {})
    close(got["data"], want["data"], 1e-12, "gradient")
    net = SymbolNet(symbol.tojson(), arg, {})
    net().backward(torch.tensor([[100.0, -7.0]], dtype=torch.float64))
    close(net.data.grad.numpy(), want["data"], 1e-12, "gradient")
