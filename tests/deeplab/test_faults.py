# SPDX-License-Identifier: Apache-2.0
"""The faults of the report's builds give exactly the gradients that those builds had, and change nothing else."""

from __future__ import annotations

import json

import mxnet as mx
import numpy as np
import pytest
from trainings import ENGINES, config, engine_of, losses, noise, run

from deeplab.symbols import get_symbol
from deeplab.symbols import resnet_v1_101_deeplab_dcn as dcn
from lib.data.streets.write import Settings, generate
from lib.looking.layers import looking_layers
from lib.run import checkpoint, folder
from lib.run.group import Group
from lib.run.task import parts

engines = pytest.mark.parametrize("name", ENGINES)
OFFSET, RATE = "res5a_branch2b_offset", 0.25
CARRIED, UNDEFORMED = "faults.carried_offset_gradient=true", "faults.undeformed_weight_gradient=true"
# No momentum: an update moves an offset by -rate * gradient.
EXACT = ["SCALES=[32,48]", "run.precision=float64", "TRAIN.momentum=0", "net.train_bn=false", "TRAIN.BATCH_IMAGES=1"]
KINDS = {"naive": ["net.normalize_grad=false", "net.offset_lr_rate=2"],
         "normalized": ["net.normalize_grad=true", "net.offset_lr_rate=0.5"]}  # fmt: skip


def moved(engine, batch):
    """How far an update moves the offsets."""
    before, _ = engine.parameters([OFFSET])
    engine.update(batch, RATE)
    return engine.parameters([OFFSET])[0][OFFSET] - before[OFFSET]


@engines
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("devices", [1, 2])
def test_carried_gradients_are_those_of_a_buffer_that_is_never_zeroed(name, kind, devices):
    """By hand, over three updates: each device's buffer gets the raw gradient added; the normalised build then divides
    each tap's pair by its length and multiplies it by the rate, in the buffer. Devices are summed."""
    engine = engine_of(config("quick_acn", *EXACT, *KINDS[kind], CARRIED, f"engine={name}", f"run.cpus={devices}"))
    right = engine_of(config("quick_acn", *EXACT, f"engine={name}", "net.normalize_grad=false", "net.offset_lr_rate=1"))
    buffers = [np.zeros((1, 1, 3, 3, 2)) for _ in range(devices)]
    for update in range(3):
        batch = noise(engine, update)
        state = engine.parameters()
        for buffer, part in zip(buffers, parts(batch, devices)):
            right.load(*state)
            raw = -moved(right, part) / RATE
            if kind == "naive":
                buffer += 2 * raw
                continue
            buffer += raw
            buffer *= 0.5 / np.sqrt((buffer**2).sum(-1, keepdims=True))
        np.testing.assert_allclose(moved(engine, batch), -RATE * sum(buffers), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(engine.carried()[OFFSET], buffers, rtol=1e-9, atol=1e-12)


@engines
def test_carrying_changes_the_offsets_and_nothing_else(name):
    settings = ["TRAIN.momentum=0.9", f"engine={name}"]
    plain, faulty = (engine_of(config("quick_acn", *settings, *more)) for more in ([], [CARRIED]))
    batch = noise(plain)
    for engine in (plain, faulty):
        engine.update(batch, RATE)
    faulty.load(*plain.parameters())  # the first gradient is the same, but for last bits of what normalises it
    faulty.load_momentum(plain.momentum())
    for engine in (plain, faulty):
        engine.update(batch, RATE)
    pushes, expected = faulty.momentum(), plain.momentum()
    assert not np.allclose(pushes.pop(OFFSET), expected.pop(OFFSET))
    for key, push in pushes.items():
        np.testing.assert_array_equal(push, expected[key], err_msg=key)
    assert plain.carried() == {} and faulty.carried().keys() == {OFFSET}


@engines
def test_held_offsets_carry_nothing(name):
    engine = engine_of(config("quick_acn", CARRIED, f"engine={name}"))
    engine.hold([OFFSET], True)
    assert not moved(engine, noise(engine)).any() and engine.carried() == {}
    engine.hold([OFFSET], False)
    assert moved(engine, noise(engine)).any() and engine.carried().keys() == {OFFSET}


@engines
def test_the_bound_of_normalised_gradients_holds_with_the_fault(name, tmp_path):
    place = tmp_path / "streets"
    generate(place, Settings(train=4, val=1, height=64, width=96, seed=3))
    cfg = config("quick_acn", *KINDS["normalized"], CARRIED, f"engine={name}", f"dataset.dataset_path={place}",
                 f"output_path={tmp_path}", "TRAIN.end_epoch=2")  # fmt: skip
    last = [line for line in run(cfg) if line["event"] == "epoch"][-1]
    longest = max(each["max"] for each in last["offsets"].values())
    assert 0.2 * last["displacement_bound"] < longest <= last["displacement_bound"]


@engines
@pytest.mark.parametrize("kind", KINDS)
def test_a_resumed_run_is_the_unbroken_one_bit_for_bit(name, kind, tmp_path):
    """Two devices, three epochs of two updates, in one go or with a stop after each epoch."""
    place = tmp_path / "streets"
    generate(place, Settings(train=4, val=1, height=64, width=96, seed=3))
    settings = [*KINDS[kind], CARRIED, f"engine={name}", "TRAIN.BATCH_IMAGES=1", "run.cpus=2", "TRAIN.momentum=0.9",
                f"dataset.dataset_path={place}", "run.offset_warmup_epochs=1"]  # fmt: skip
    whole, pieces = (config("quick_acn", *settings, f"output_path={tmp_path}/{each}") for each in ("whole", "pieces"))
    whole.TRAIN.end_epoch = 3
    expected = losses(run(whole))
    for epoch in (1, 2, 3):
        pieces.TRAIN.end_epoch = epoch
        found = losses(run(pieces, begin=epoch - 1))
    assert found == expected and len(found) == 6
    prefixes = [folder.prefix(cfg) for cfg in (whole, pieces)]
    assert not prefixes[0].with_name("deeplab-0001.carried.npz").exists()  # nothing is carried in the warm-up
    assert checkpoint.read_state(prefixes[0], 3)["carried"] == [OFFSET]
    assert prefixes[0].with_name("deeplab-0003.params").read_bytes() == checkpoint.find(prefixes[1], 3).read_bytes()
    for ending in ("momentum.npz", "carried.npz"):
        first, second = (np.load(prefix.with_name(f"deeplab-0003.{ending}")) for prefix in prefixes)
        assert set(first) == set(second) and OFFSET in first
        for key in first:
            np.testing.assert_array_equal(first[key], second[key], err_msg=key)
    prefixes[1].with_name("deeplab-0003.carried.npz").unlink()
    pieces.TRAIN.end_epoch = 4
    with pytest.raises(checkpoint.CheckpointError, match=r"carried\.npz does not exist, .* not complete"):
        run(pieces, begin=3)


class TwoWorkers(Group):
    """The second of two workers; the first gives the same numbers, doubled."""

    rank, size = 1, 2

    def by_rank(self, values):
        return np.stack([2 * values, values])


@engines
def test_workers_save_what_all_of_them_carry_and_take_their_own(name):
    settings = [*EXACT, CARRIED, f"engine={name}", "run.cpus=2"]
    engine = engine_of(config("quick_acn", *settings))
    engine.update(noise(engine), RATE)
    own = engine.carried()[OFFSET]
    engine.group = TwoWorkers()
    every = engine.carried()[OFFSET]
    np.testing.assert_array_equal(every, np.concatenate([2 * own, own]))
    engine.load_carried({OFFSET: np.concatenate([0 * own, 3 * own])})
    np.testing.assert_array_equal(engine.carried()[OFFSET][2:], 3 * own)
    with pytest.raises(ValueError, match=f"{OFFSET}: its gradients were carried by 3 devices .* there are 4 now"):
        engine.load_carried({OFFSET: every[:3]})


# --- the weight gradient of undeformed columns


def columns(data, dilate):
    """im2col of a 3x3 convolution that keeps the size: (N, C, H, W) -> (N, C, 9, H, W)."""
    height, width = data.shape[2:]
    padded = np.pad(data, [(0, 0), (0, 0), (dilate, dilate), (dilate, dilate)])
    return np.stack([padded[:, :, i * dilate : i * dilate + height, j * dilate : j * dilate + width]
                     for i in range(3) for j in range(3)], axis=2)  # fmt: skip


def gradients(symbol, values, out_grad):
    """[output, gradient of each argument by name]."""
    arrays = {key: mx.nd.array(value, dtype="float64") for key, value in values.items()}
    held = {key: mx.nd.zeros_like(value) for key, value in arrays.items()}
    executor = symbol.bind(mx.cpu(), arrays, held)
    (output,) = executor.forward(is_train=True)
    executor.backward(mx.nd.array(out_grad, dtype="float64"))
    return output.asnumpy(), {key: value.asnumpy() for key, value in held.items()}


@pytest.mark.parametrize("dilate", [1, 2])
def test_the_weight_gradient_is_that_of_undeformed_columns_and_all_else_is_the_same(config_of, dilate):
    net = config_of(res5_dilate=dilate).net
    random = np.random.default_rng(dilate)
    shapes = {"data": (2, 4, 7, 6), "x_offset_weight": (18, 4, 3, 3), "x_offset_bias": (18,), "x_weight": (5, 4, 3, 3)}
    values, out_grad = (
        {key: random.normal(size=shape) for key, shape in shapes.items()},
        random.normal(size=(2, 5, 7, 6)),
    )
    data = mx.sym.var("data")
    right, faulty = (
        gradients(build(data, "x", 5, net, 1), values, out_grad)
        for build in (dcn.res5_branch2b, dcn.undeformed_weight_gradient)
    )
    np.testing.assert_array_equal(faulty[0], right[0])
    for key in ("data", "x_offset_weight", "x_offset_bias"):
        np.testing.assert_array_equal(faulty[1][key], right[1][key], err_msg=key)
        assert right[1][key].any()
    expected = np.einsum("nfhw,nckhw->fck", out_grad, columns(values["data"], dilate)).reshape(5, 4, 3, 3)
    np.testing.assert_allclose(faulty[1]["x_weight"], expected, rtol=1e-10, atol=1e-12)
    assert np.abs(right[1]["x_weight"] - expected).max() > 1


@engines
def test_in_a_training_only_the_weights_of_deformable_convolutions_learn_otherwise(name):
    settings = [*EXACT, "net.depth=18", f"engine={name}"]
    right, faulty = (engine_of(config("quick_dcn", *settings, *more)) for more in ([], [UNDEFORMED]))
    arg, aux = right.parameters()
    for key in [key for key in arg if "_offset_" in key]:
        arg[key] = np.random.default_rng(1).normal(scale=0.3, size=arg[key].shape)
    changes = []
    for engine in (right, faulty):
        engine.load(arg, aux)
        engine.update(noise(engine), RATE)
        changes.append({key: value - arg[key] for key, value in engine.parameters()[0].items()})
    assert changes[0].keys() == changes[1].keys()
    other = {key for key in changes[0] if not np.allclose(changes[0][key], changes[1][key], rtol=1e-9, atol=1e-13)}
    assert other == {"res5a_branch2b_weight", "res5b_branch2b_weight"}


def test_networks_that_only_predict_are_built_without_the_fault():
    right, faulty = (config("quick_dcn", *more) for more in ([], [UNDEFORMED]))
    nodes = [json.loads(get_symbol(cfg, is_train=False).tojson())["nodes"] for cfg in (right, faulty)]
    assert [each["name"] for each in nodes[0]] == [each["name"] for each in nodes[1]]


# --- the rate, and what cannot be


@pytest.mark.parametrize("more", [[], [CARRIED]])
def test_a_hard_wired_rate_stands_in_place_of_the_other(more):
    settings = [*EXACT, *more, "net.normalize_grad=true"]
    wired, said = (
        engine_of(config("quick_acn", *settings, *rates))
        for rates in (["net.offset_lr_rate=0.7", "faults.offset_lr_rate=0.125"], ["net.offset_lr_rate=0.125"])
    )
    first, second = (moved(engine, noise(engine)) for engine in (wired, said))
    np.testing.assert_array_equal(first, second)
    np.testing.assert_allclose(np.hypot(first[..., 0], first[..., 1]), RATE * 0.125, rtol=1e-9)


@pytest.mark.parametrize(("network", "fault", "told"), [
    ("quick_plain", CARRIED, "faults.carried_offset_gradient: got True, .* no active .* look: none"),
    ("quick_dcn", CARRIED, "faults.carried_offset_gradient: got True, .* no active .* look: deformable"),
    ("quick_dcn", "faults.offset_lr_rate=0.5", "faults.offset_lr_rate: got 0.5, .* no active .* look: deformable"),
    ("quick_acn", UNDEFORMED, "faults.undeformed_weight_gradient: got True, .* no deformable .* look: active"),
    ("quick_modulated", UNDEFORMED, "faults.undeformed_weight_gradient: .* no deformable .* look: modulated"),
])  # fmt: skip
@pytest.mark.parametrize("is_train", [True, False])
def test_a_fault_that_a_network_cannot_have_is_refused(network, fault, told, is_train):
    with pytest.raises(ValueError, match=told):
        get_symbol(config(network, fault), is_train)


# --- which units look


@pytest.mark.parametrize("network", ["quick_acn", "quick_dcn", "quick_modulated"])
def test_units_that_do_not_look_are_ordinary(network):
    cfg = config(network, "net.depth=50", "net.looking_units=ac")
    symbol = get_symbol(cfg)
    assert [layer.name for layer in looking_layers(symbol.tojson())] == ["res5a_branch2b", "res5c_branch2b"]
    assert "res5b_branch2b_weight" in symbol.list_arguments()
    cfg.net.looking_units = "ad"
    with pytest.raises(ValueError, match="net.looking_units: res5 of depth 50 has the units a, b, c, got 'ad'"):
        get_symbol(cfg)
