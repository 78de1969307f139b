# SPDX-License-Identifier: Apache-2.0
"""The networks of configurations: their sizes, rules, what they are told to look with, and that they learn."""

from __future__ import annotations

from math import prod

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from tracker_configs import CONFIGS, config, small  # noqa: E402

from lib.engines import open_engine  # noqa: E402
from lib.looking.layers import looking_layers  # noqa: E402
from lib.run.task import Place  # noqa: E402
from tracking.anchors import anchors_of  # noqa: E402
from tracking.network import network_text  # noqa: E402
from tracking.predictor import Predictor  # noqa: E402
from tracking.task import measure, train_network, training  # noqa: E402

TINY = ["net.width=4", "net.channels=4", "TRAIN.BATCH_IMAGES=2"]


def built(cfg):
    engine = open_engine(cfg, training=True)
    engine.build(train_network(cfg))
    return engine


@pytest.mark.parametrize(
    "more, count",
    [
        (["symbol=siamese_alexnet", "net.unused=true"], 21_475_136),
        (["symbol=siamese_alexnet"], 21_352_256),
        (["net.depth=18"], 11_176_512 + 8192 * (512 * 9 + 1)),
        (["net.depth=34", "net.deform=extra"], 28_611_392 + 8192 * (512 * 9 + 1)),
    ],
)
def test_the_papers_sizes(more, count):
    cfg = config("quick_tracker", "net.deform=", "net.crop=5", "net.width=64", "net.channels=256", "net.template=127",
                 "net.search=255", "TEST.SEARCH=271", "TEST.SMALL_SEARCH=287", *more)  # fmt: skip
    from lib.engines.torch.module_net import make
    from lib.run.module_text import read_module

    with torch.device("meta"):
        module = make(read_module(network_text(cfg)))
    assert sum(prod(each.shape) for each in module.parameters()) == count


ALEXNET = ["symbol=siamese_alexnet", "net.template=127", "net.search=143", "TEST.SEARCH=143", "TEST.SMALL_SEARCH=143"]
RESNETS = [[], ["net.dilate_stages=true", "net.depth=18"], ["net.depth=50"]]
FORMS = [(deform, more) for deform in ("", "existing", "extra", "plain") for more in RESNETS]


@pytest.mark.parametrize("deform, more", [*FORMS, ("", ALEXNET), ("existing", ALEXNET)])
def test_layers_that_look_are_listed_as_they_are(tmp_path, deform, more):
    """The engine refuses a list that does not fit; offsets begin with 0 and learn with their own rate."""
    cfg = small(tmp_path, *TINY, f"net.deform={deform}", "net.offset_lr_mult=0.5", *more)
    engine = built(cfg)
    layers = looking_layers(engine.network.graph)
    assert bool(layers) == (deform in ("existing", "extra"))
    arg, _ = engine.parameters()
    for name in (name for layer in layers for name in layer.steering):
        assert not arg[name].any() and engine.network.rules[name].lr_mult == 0.5
    assert engine.network.rules["conv1.weight"].wd_mult == 1 and engine.network.rules["conv1.bias"].wd_mult == 0
    assert abs(arg["conv2.weight"].std() - 0.01) < 2e-3 and not arg["conv3.bias"].any()


@pytest.mark.parametrize(
    "symbol, template, search",
    [
        ("siamese_resnet", 64, 130),
        ("siamese_resnet", 61, 129),
        ("siamese_alexnet", 127, 256),
        ("siamese_alexnet", 130, 141),
    ],
)
def test_there_is_an_anchor_for_every_cell(tmp_path, symbol, template, search):
    cfg = small(tmp_path, *TINY, f"symbol={symbol}", "net.deform=", f"net.template={template}", f"net.search={search}",
                f"TEST.SEARCH={search}", f"TEST.SMALL_SEARCH={search}")  # fmt: skip
    found = built(cfg).compute({"template": np.zeros((1, 3, template, template), np.float32),
                                "search": np.zeros((1, 3, search, search), np.float32)}, ["deltas"])  # fmt: skip
    assert found["deltas"].shape == (1, *anchors_of(cfg, search).shape)


def test_plain_and_deformable_networks_begin_with_the_same_features(tmp_path):
    plain, extra = (built(small(tmp_path, *TINY, f"net.deform={deform}")).parameters()[0] for deform in ("", "extra"))
    assert set(plain) < set(extra) and all((plain[name] == extra[name]).all() for name in plain)


def test_a_network_learns_a_batch_and_its_offsets_move(tmp_path):
    cfg = small(tmp_path, "TRAIN.BATCH_IMAGES=4", "net.width=8", "net.channels=8")
    task = training(cfg, Place())
    assert (task.images, task.updates, task.losses) == (8, 2, ("ClassLoss", "BoxLoss"))
    engine = built(cfg)
    batch = next(iter(task.batches(0)))
    losses = [sum(float(each) for each in engine.update(batch, 0.02)[0].values()) for _ in range(30)]
    assert np.mean(losses[-3:]) < 0.6 * losses[0]
    arg, _ = engine.parameters()
    assert all(arg[name].any() for layer in looking_layers(engine.network.graph) for name in layer.steering)
    assert measure({"class_loss": np.float32(0.5), "box_loss": np.float32(2)}, batch) == {
        "ClassLoss": (2.0, 4), "BoxLoss": (8.0, 4)
    }  # fmt: skip


def test_remembered_kernels_answer_as_the_whole_network_does(tmp_path):
    cfg = small(tmp_path, *TINY)
    arg, aux = built(cfg).parameters()
    made = Predictor(cfg, open_engine(cfg), arg, aux)
    random = np.random.default_rng(0)
    template, search = (random.integers(0, 255, (side, side, 3), dtype=np.uint8) for side in (64, 128))
    made.remember(template)
    anchors, scores, deltas = made.find(search)
    assert anchors.shape == deltas.shape == (405, 4) and scores.shape == (405,) and (0 < scores).all()
    both = {"template": made._tensor(template), "search": made._tensor(search)}
    whole = made.engine.compute(both, ["probability", "deltas"])
    np.testing.assert_allclose(whole["probability"][0], scores, rtol=1e-5)
    np.testing.assert_allclose(whole["deltas"][0], deltas, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("path", sorted(CONFIGS.rglob("*.yaml")), ids=lambda path: str(path.relative_to(CONFIGS)))
def test_every_shipped_configuration_is_a_network(path):
    text = path.read_text()
    assert "Hardware:" in text or "Not a row of its own" in text
    if "Not a row of its own" not in text:
        cfg = config(str(path.relative_to(CONFIGS).with_suffix("")))
        assert cfg.engine == "torch" and looking_layers(network_text(cfg)) is not None
