# SPDX-License-Identifier: Apache-2.0
"""A torch module as the PyTorch engine's network: trained, resumed, held to its text, refused where wrong."""

from __future__ import annotations

import json
import logging
import sys
from dataclasses import replace
from types import ModuleType

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from torch import nn  # noqa: E402

from lib.engines.engine import EngineError, Settings  # noqa: E402
from lib.engines.torch.engine import TorchEngine  # noqa: E402
from lib.looking.layers import looking_layers, set_offsets_zero, steering  # noqa: E402
from lib.looking.modules import Entry  # noqa: E402
from lib.looking.monitor import OffsetMonitor  # noqa: E402
from lib.looking.seen import look_inside  # noqa: E402
from lib.modules.operators import DeformConv2d  # noqa: E402
from lib.run import checkpoint, rules  # noqa: E402
from lib.run.loop import Plan, loop  # noqa: E402
from lib.run.module_text import ModuleText, read_module  # noqa: E402
from lib.run.rules import Row  # noqa: E402
from lib.run.task import Network, Task  # noqa: E402

LOOKS = Entry("look", scale=2.0, boundary="zero", offset_bias=True)
TABLE = (Row(r"look\.conv_offset\..*", 0.5, "zeros", steers="deformable"), Row(r".*", 1.0, "own", wd_mult=0.25))


class Tiny(nn.Module):
    """A convolution, one that looks where it likes, and a class for each picture; with dropout and statistics."""

    def __init__(self, channels=4, classes=3):
        super().__init__()
        self.first, self.bn = nn.Conv2d(3, channels, 3, 2, 1, bias=False), nn.BatchNorm2d(channels)
        self.look, self.drop = DeformConv2d(channels, channels, 3, padding=1), nn.Dropout(0.1)
        self.head = nn.Linear(channels, classes)
        self.register_buffer("constant", torch.tensor(2.0), persistent=False)

    def forward(self, data, label=None):
        x = self.look(torch.relu(self.bn(self.first(data)))).relu().mean((2, 3))
        scores = self.head(self.constant * self.drop(x))
        if label is None:
            return {"classes_output": scores.argmax(1)}
        return {"loss": nn.functional.cross_entropy(scores, label.long()), "scores_output": scores}


@pytest.fixture(autouse=True)
def file(monkeypatch):
    """Tiny as if it stood in lib/modules/tiny.py: no other module can be named."""
    made = ModuleType("lib.modules.tiny")
    vars(made).update(Tiny=Tiny, nn=nn, torch=torch)
    monkeypatch.setitem(sys.modules, "lib.modules.tiny", made)
    monkeypatch.setattr(Tiny, "__module__", "lib.modules.tiny")


def text(looking=(LOOKS,), **settings) -> str:
    return ModuleText("lib.modules.tiny:Tiny", settings, [each.data for each in looking]).text


def network(graph="", images=4, seed=3, **more) -> Network:
    graph = graph or text()

    def rules_of(names):
        return rules.rules(TABLE, names, steering(looking_layers(graph)), ["bn.bias"], __file__)

    return Network(graph, {"data": (images, 3, 9, 11), "label": (images,)}, {}, seed, ("scores_output", "loss"),
                   rules_of, **more)  # fmt: skip


def batches(epoch):
    random = np.random.default_rng(epoch)
    for _ in range(3):
        label = random.integers(0, 3, 4)
        data = random.normal(size=(4, 3, 9, 11)) + 4 * np.eye(3)[label][:, :, None, None]  # a colour for each class
        yield {"data": data.astype(np.float32), "label": label.astype(np.float32)}


def measure(outputs, batch):
    assert outputs["scores_output"].shape == (len(batch["label"]), 3)
    return {"Loss": (float(outputs["loss"]), 1)}


def engine(cpus=1, precision="float32", **more) -> TorchEngine:
    made = TorchEngine(Settings(0.9, 0.01, precision), "", cpus, "device")
    made.build(network(images=4 // cpus, **more))
    return made


class Stopped(Exception):
    pass


def trained(made, place, begin=0, end=3, stop_at=0):
    """Losses of all updates. stop_at: the number of the update at which all ends without a word."""
    seen = []

    def watched(outputs, batch):
        seen.append(float(outputs["loss"]))
        if len(seen) == stop_at:
            raise Stopped
        return measure(outputs, batch)

    task = Task(made.network, images=12, batch=4, batches=batches, measure=watched, saved_graph=made.network.graph)
    plan = Plan(place / "net", begin, end, lambda update: 0.1 / len(made.devices), 1, 7, {}, logging.getLogger("test"))
    loop(task, made, plan)
    return seen


def same(one, other) -> bool:
    parts = [{**each.parameters()[0], **each.parameters()[1], **each.momentum()} for each in (one, other)]
    return parts[0].keys() == parts[1].keys() and all((parts[0][n] == parts[1][n]).all() for n in parts[0])


@pytest.mark.parametrize("cpus", [1, 2])
def test_a_module_learns_and_a_killed_run_goes_on_bit_for_bit(tmp_path, cpus):
    whole = engine(cpus)
    losses = trained(whole, tmp_path / "whole", end=12)
    assert np.mean(losses[-9:]) < 0.6 * np.mean(losses[:3])
    with pytest.raises(Stopped):
        trained(engine(cpus), tmp_path / "killed", end=12, stop_at=8 * cpus)
    resumed = engine(cpus, seed=99)
    checkpoint.restore(tmp_path / "killed" / "net", 2, resumed, 0.9)
    assert trained(resumed, tmp_path / "killed", begin=2, end=12) == losses[6 * cpus :]
    assert same(whole, resumed)
    saved = (tmp_path / "whole" / "net-symbol.json").read_text()
    assert [layer.name for layer in looking_layers(saved)] == ["look"]


def test_an_update_is_the_one_worked_out_by_hand():
    """Without momentum: w - rate * lr_mult * (gradient + wd * wd_mult * w), the gradient by PyTorch itself."""
    made = TorchEngine(Settings(0.0, 0.1, "float64"), "", 1, "device")
    made.build(network())
    before, states = made.parameters()
    alone = Tiny().double().train()
    alone.load_state_dict({n: torch.from_numpy(v) for n, v in {**before, **states}.items()}, strict=False)
    batch = {name: torch.from_numpy(value).double() for name, value in next(batches(0)).items()}
    made.seed(5)
    outputs = made.update(next(batches(0)), 0.5)
    torch.manual_seed(5)
    loss = alone(**batch)["loss"]
    loss.backward()
    assert outputs[0]["loss"] == loss.item()
    after, moved = made.parameters()
    for name, parameter in alone.named_parameters():
        step = 0.5 * (0.5 if "conv_offset" in name else 1.0)
        expected = before[name] - step * (parameter.grad.numpy() + 0.1 * 0.25 * before[name])  # offsets are 0
        expected = before[name] if name == "bn.bias" else expected  # fixed
        np.testing.assert_allclose(after[name], expected, rtol=1e-7, atol=1e-12, err_msg=name)
    np.testing.assert_array_equal(moved["bn.running_mean"], alone.bn.running_mean.numpy())


def test_first_values_depend_on_the_seed_alone():
    torch.manual_seed(1)
    one = engine()
    torch.manual_seed(2)
    expected = torch.rand(1)
    torch.manual_seed(2)
    two = engine()
    assert same(one, two) and not same(one, engine(seed=4))
    assert torch.equal(torch.rand(1), expected), "building drew from the common random numbers"
    arg, aux = one.parameters()
    assert not arg["look.conv_offset.weight"].any() and arg["first.weight"].std() > 0
    assert sorted(aux) == ["bn.running_mean", "bn.running_var"]  # no counters, no constants


def test_holding_slowing_and_clipping():
    made, other = engine(), engine()
    made.hold(["head.weight"], True)
    made.slow(["head.bias"], 0.5)
    for each in (made, other):
        each.seed(1)
        each.update(next(batches(0)), 0.1)
    start, one, two = (each.parameters()[0] for each in (engine(), made, other))
    assert (one["head.weight"] == start["head.weight"]).all() and "head.weight" not in made.momentum()
    np.testing.assert_allclose(one["head.bias"] - start["head.bias"], (two["head.bias"] - start["head.bias"]) / 2,
                               atol=1e-8)  # fmt: skip
    made.clip(["head.weight"], 0.125)
    assert abs(made.parameters(["head.weight"])[0]["head.weight"]).max() == 0.125


def test_two_devices_have_statistics_of_their_own_and_share_their_mean():
    both, batch = engine(cpus=2), next(batches(0))
    both.update(batch, 0.0)
    halves = []
    for part in (slice(0, 2), slice(2, 4)):
        alone = TorchEngine(Settings(), "", 1, "device")
        alone.build(network(images=2))
        alone.update({name: value[part] for name, value in batch.items()}, 0.0)
        halves.append(alone.parameters()[1]["bn.running_var"].astype(np.float64))
    np.testing.assert_allclose(both.parameters()[1]["bn.running_var"], np.mean(halves, axis=0), rtol=1e-6)
    both.share_statistics()
    assert (both._others[0]["bn.running_var"].numpy() == both.parameters()[1]["bn.running_var"]).all()


def test_what_is_inside_can_be_asked_for_and_training_goes_on_as_before():
    made, batch = engine(), next(batches(0))
    before = made.parameters()[1]
    names = ["classes_output", "look.conv_offset_output", "look_input"]
    found = made.compute(batch, ["scores_output"])
    assert found["scores_output"].shape == (4, 3)
    found = made.compute({"data": batch["data"]}, names)
    shapes = made.shapes({"data": (4, 3, 9, 11)})
    assert all(found[name].shape == shapes[name] for name in names)
    assert shapes["look_output"] == (4, 4, 5, 6) and shapes["head.weight"] == (3, 4)
    assert all((before[name] == value).all() for name, value in made.parameters()[1].items())  # nothing has moved
    made.seed(1)
    training = made.update(batch, 0.0)[0]["scores_output"]
    assert (
        training != made.compute(batch, ["scores_output"])["scores_output"]
    ).any()  # dropout, the batch's statistics
    with pytest.raises(EngineError, match="gave no nothing_output; out of training there are classes_output"):
        made.compute({"data": batch["data"]}, ["nothing_output"])


def test_monitor_pictures_and_zero_offsets_take_the_layers_that_the_text_lists():
    made = engine()
    arg, aux = made.parameters()
    arg["look.conv_offset.bias"] = arg["look.conv_offset.bias"] + np.float32(0.5)
    made.load(arg, aux)
    seen = OffsetMonitor(made, lambda: {"data": next(batches(0))["data"]}).observe()["look"]
    assert seen.mean == pytest.approx(np.sqrt(0.5)) and seen.taps == 9
    _, (layer,) = look_inside(made, {"data": next(batches(0))["data"][:1]}, "classes_output")
    assert layer.geometry.scale == (2.0, 2.0) and layer.geometry.size == (5, 6)
    assert layer.at((2, 3))[0].tolist() == [[[0.5, 0.5]] * 9]
    assert set_offsets_zero(arg, looking_layers(text())) == ["look.conv_offset.weight", "look.conv_offset.bias"]
    assert not arg["look.conv_offset.bias"].any()


def test_parameters_of_another_network_are_refused():
    made = engine()
    arg, aux = made.parameters()
    for wrong, said in (({"head.weight": np.zeros((2, 4), np.float32)}, r"head.weight has shape \(2, 4\), expected"),
                        ({"more.weight": np.zeros(1, np.float32)}, "more.weight is not a parameter")):  # fmt: skip
        with pytest.raises(ValueError, match=said):
            engine().build(network(), {**arg, **wrong}, aux)
    with pytest.raises(ValueError, match="bn.running_var is missing"):
        engine().build(network(), arg, {"bn.running_mean": aux["bn.running_mean"]})


@pytest.mark.parametrize("name, said", [
    ("os:system", "expected 'lib.modules.<file>:<class>'"),
    ("lib.engines.torch.engine:TorchEngine", "expected 'lib.modules.<file>:<class>'"),
    ("lib.modules.tiny:nn", "has no torch module of that name"),
    ("lib.modules.tiny:Linear", "has no torch module of that name"),
    ("lib.modules.nowhere:Tiny", "No module named"),
])  # fmt: skip
def test_a_text_names_nothing_but_our_modules(name, said):
    with pytest.raises(ValueError, match=said):
        TorchEngine(Settings(), "", 1, "device").build(network(json.dumps({"module": name})))


def test_a_text_that_does_not_fit_its_module_is_refused():
    for graph, said in (
        (text(()), "look is not listed"),
        (text((LOOKS, replace(LOOKS, name="none"))), "there is no deformable convolution none"),
        (text((replace(LOOKS, dilate=(2, 2)),)), "look has"),
        (text(colour=3), "its settings do not fit"),
        (json.dumps({**json.loads(text()), "looking": [{"name": "look"}]}), "has the keys"),
    ):
        with pytest.raises(ValueError, match=said):
            TorchEngine(Settings(), "", 1, "device").build(network(graph))
    assert read_module('{"nodes": [], "heads": []}') is None and read_module(text(classes=5)).settings == {"classes": 5}


def test_mxnet_says_that_pytorch_alone_runs_it():
    pytest.importorskip("mxnet", reason="MXNet is not installed")
    from lib.engines.mxnet.engine import MXNetEngine

    with pytest.raises(EngineError, match="lib.modules.tiny:Tiny is a torch module, which PyTorch alone runs"):
        MXNetEngine(Settings(), "", 1, "device").build(network())
