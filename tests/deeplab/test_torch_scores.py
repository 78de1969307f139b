# SPDX-License-Identifier: Apache-2.0
"""A saved DeepLab gives the same scores in PyTorch as in MXNet."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from trainings import engine_of  # noqa: E402

from deeplab import symbols  # noqa: E402
from deeplab.schema import load  # noqa: E402
from lib.looking.layers import looking_layers, steering  # noqa: E402
from lib.run import params  # noqa: E402
from operators.for_torch.symbol_net import SymbolNet  # noqa: E402
from operators.library import OperatorError  # noqa: E402

import mxnet as mx  # noqa: E402  # isort: skip

CONFIGS = Path(__file__).resolve().parents[2] / "experiments" / "deeplab" / "cfgs"
RESNET_101 = "deeplab_resnet_v1_101_cityscapes_segmentation_dcn"


def saved(config: str, shape: tuple, folder: Path):
    """A checkpoint of random weights with offsets that move, and MXNet's scores for an image."""
    cfg = load(CONFIGS / f"{config}.yaml", ["gpus="])
    engine = engine_of(cfg, is_train=False)
    random = np.random.default_rng(0)
    arg, aux = engine.parameters()
    steers = steering(looking_layers(engine.network.graph))
    for name in arg:
        if name in steers:  # a branch's weights, or offsets themselves and biases that are added to them
            spread = 0.03 if arg[name].ndim == 4 else 2
            arg[name] = random.normal(0, spread, arg[name].shape).astype(np.float32)
        elif name.endswith("branch2c_gamma"):  # so that 33 sums with the shortcut do not overflow the softmax
            arg[name] *= 0.25
        elif name == "score_weight":
            arg[name] *= 3
    engine.load(arg, aux)
    params.save(folder / "net-0001.params", arg, aux)
    symbols.get_symbol(cfg, is_train=True).save(str(folder / "net-symbol.json"))  # as training saves it
    image = random.standard_normal(shape).astype(np.float32)
    return image, engine.compute({"data": image}, ["softmax_output"])["softmax_output"]


@pytest.mark.parametrize("config", ["quick_plain", "quick_dcn", "quick_modulated", "quick_acn", RESNET_101])
def test_scores_are_the_same(config, tmp_path):
    image, want = saved(config, (1, 3, 96, 128), tmp_path)
    arg, aux = params.load(tmp_path / "net-0001.params")
    net = SymbolNet((tmp_path / "net-symbol.json").read_text(), arg, aux).eval()
    with torch.no_grad():
        got = net(data=torch.from_numpy(image)).numpy()
    assert want.std() > 0.05 and want.max(1).mean() < 0.99  # they say something, and not all the same
    assert np.abs(got - want).max() < 1e-4
    assert net.inputs == ("data", "label")
    assert set(net.state_dict()) == {*arg, *aux}


def test_old_graphs_of_stock_operators_run():
    """Files of 2016 and 2017 keep attributes under 'param' and 'attr'."""
    data, offset, weight = (mx.sym.var(name) for name in ("data", "offset", "weight"))
    grid = {"kernel": (3, 3), "pad": (1, 1), "num_filter": 2, "no_bias": True}
    graph = mx.sym.contrib.DeformableConvolution(data, offset, weight, name="deform", **grid)
    text = json.loads(graph.tojson())
    for node in text["nodes"]:
        if "attrs" in node:
            node["param"] = node.pop("attrs")
            node["attr"] = {"num_filter": node["param"].pop("num_filter")}
    random = np.random.default_rng(1)
    arrays = {"data": (1, 3, 6, 5), "offset": (1, 18, 6, 5), "weight": (2, 3, 3, 3)}
    arrays = {name: random.standard_normal(shape).astype(np.float32) for name, shape in arrays.items()}
    want = graph.eval(mx.cpu(), **{name: mx.nd.array(values) for name, values in arrays.items()})[0].asnumpy()
    net = SymbolNet(json.dumps(text), {"weight": arrays.pop("weight")}, {})
    with torch.no_grad():
        got = net(**{name: torch.from_numpy(values) for name, values in arrays.items()}).numpy()
    np.testing.assert_allclose(got, want, rtol=0, atol=1e-5 * np.abs(want).max())


def test_batch_statistics_are_learned_in_training():
    x = mx.sym.BatchNorm(mx.sym.var("data"), name="bn", fix_gamma=False)
    ones, zeros = np.ones(3, np.float32), np.zeros(3, np.float32)
    net = SymbolNet(x.tojson(), {"bn_gamma": ones, "bn_beta": zeros}, {"bn_moving_mean": zeros, "bn_moving_var": ones})
    data = torch.randn(4, 3, 5, 5) * 2 + 1
    out = net(data=data)
    torch.testing.assert_close(out.mean((0, 2, 3)), torch.zeros(3), atol=1e-5, rtol=0)
    net.backward_heads(out)  # MXNet moves them there
    torch.testing.assert_close(net.bn_moving_mean, 0.1 * data.mean((0, 2, 3)))
    assert torch.equal(net.eval()(data=data), net(data=data))


def test_what_is_missing_is_named():
    x = mx.sym.Convolution(mx.sym.var("data"), name="conv", kernel=(1, 1), num_filter=2)
    with pytest.raises(OperatorError, match="'conv_weight' is neither an input of this call nor a parameter"):
        SymbolNet(x.tojson(), {}, {})(data=torch.zeros(1, 2, 3, 3))
    with pytest.raises(OperatorError, match=r"not served here: lrn \(LRN\)"):
        SymbolNet(mx.sym.LRN(x, nsize=3, name="lrn").tojson(), {}, {})
