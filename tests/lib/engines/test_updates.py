# SPDX-License-Identifier: Apache-2.0
"""What an update does to each parameter: the rules, held and slowed offsets, bounds, the momentum that goes on."""

from __future__ import annotations

import mxnet as mx
import numpy as np
import pytest
from trainings import ENGINES, config, engine_of, noise

from lib.looking.layers import looking_layers, offset_parameters, steering

PLAIN, DCN, MODULATED, ACN = (f"resnet_v1_101_deeplab{variant}" for variant in ("", "_dcn", "_modulated", "_acn"))
SGD = {"learning_rate": 0.02, "momentum": 0.9, "wd": 0.1, "rescale_grad": 1.0}
engines = pytest.mark.parametrize("name", ENGINES)


def module_updates(graph, shapes, fixed, start, batches):
    module = mx.mod.Module(mx.sym.load_json(graph), ("data",), ("label",), context=mx.cpu(), fixed_param_names=fixed)
    module.bind([("data", shapes["data"])], [("label", shapes["label"])], for_training=True)
    arg, aux = ({name: mx.nd.array(value) for name, value in part.items()} for part in start)
    module.init_params(initializer=None, arg_params=arg, aux_params=aux)
    module.init_optimizer(kvstore=None, optimizer="sgd", optimizer_params=SGD)
    for batch in batches:
        module.forward_backward(mx.io.DataBatch([mx.nd.array(batch["data"])], [mx.nd.array(batch["label"])]))
        module.update()
    mx.nd.waitall()  # MXNet moves the statistics in the backward pass, which reading does not wait for
    arg, aux = module.get_params()
    return {name: value.asnumpy() for name, value in {**arg, **aux}.items()}


@engines
@pytest.mark.parametrize("fixed", [["conv1", "res2", "bn2"], ["conv1", "bn_conv1", "res2", "bn2", "gamma", "beta"]])
@pytest.mark.parametrize("symbol", [PLAIN, DCN, MODULATED, ACN])
def test_three_updates_equal_modules(tiny_config_of, symbol, fixed, name):
    """MXNet's Module reads the multipliers from the graph; an engine from the rules."""
    from deeplab.symbols import get_symbol

    cfg = tiny_config_of(symbol, train_bn=True, offset_lr_mult=0.5)
    cfg.engine, cfg.network.FIXED_PARAMS, cfg.SCALES, cfg.TRAIN.BATCH_IMAGES = name, fixed, [[48, 64]], 2
    cfg.TRAIN.ENABLE_CROP, cfg.TRAIN.momentum, cfg.TRAIN.wd = False, SGD["momentum"], SGD["wd"]
    engine = engine_of(cfg)
    random = np.random.default_rng(3)
    batches = [{"data": random.uniform(-2, 2, (2, 3, 48, 64)).astype(np.float32),
                "label": random.integers(0, 19, (2, 48, 64)).astype(np.float32)} for _ in range(3)]  # fmt: skip
    # Zero offsets sit on the kinks of the interpolation; start beside them, with every class of parameter in motion.
    arg, aux = engine.parameters()
    for key, value in arg.items():
        if "offset" in key:
            size = 0.01 if key.endswith("_weight") else 1
            arg[key] = random.uniform(0.1 * size, 0.4 * size, value.shape).astype(np.float32)
    engine.load(arg, aux)
    before = {**arg, **aux}
    frozen = [key for key in arg if any(part in key for part in fixed)]
    theirs = module_updates(get_symbol(cfg).tojson(), engine.network.inputs, frozen, (arg, aux), batches)
    for batch in batches:
        engine.update(batch, SGD["learning_rate"])
    arg, aux = engine.parameters()
    ours = {**arg, **aux}
    assert set(ours) == set(theirs)
    for key, rule in engine.network.rules.items():
        np.testing.assert_allclose(ours[key], theirs[key], rtol=1e-4, atol=1e-6, err_msg=key)
        moved = not np.array_equal(ours[key], before[key])
        # MXNet updates statistics in the backward pass, which ends where nothing before is trained: after res2.
        statistic = "moving" in key and not key.startswith(("bn_conv1", "bn2"))
        assert moved == (rule.grad_req == "write" or statistic), key


def one_update(cfg):
    """{name: change} of every parameter in the first update of SGD with momentum and decay, on fixed noise."""
    engine = engine_of(cfg)
    before, _ = engine.parameters()
    engine.update(noise(engine), 0.25)
    return {key: value - before[key] for key, value in engine.parameters()[0].items()}


@engines
@pytest.mark.parametrize("network", ["quick_acn", "quick_acn_naive", "quick_dcn", "quick_modulated"])
def test_lr_mult_scales_the_update_itself(network, name):
    whole, tenth, eighth = (one_update(config(network, f"engine={name}", f"net.offset_lr_mult={mult}"))
                            for mult in (1, 0.1, 0.125))  # fmt: skip
    scaled = [key for key in whole if key.endswith(("_offset", "_offset_weight", "_offset_bias"))]
    assert scaled and all(np.abs(whole[key]).max() > 1e-6 for key in scaled)
    for key, change in whole.items():
        if key in scaled:
            np.testing.assert_allclose(tenth[key], change / 10, rtol=1e-6, atol=0, err_msg=key)
            np.testing.assert_array_equal(eighth[key], change / 8, err_msg=key)  # a power of two: exact
        else:
            np.testing.assert_array_equal(tenth[key], change, err_msg=key)


@engines
def test_held_offsets_get_no_update_and_no_momentum(name):
    cfg = config("quick_acn", f"engine={name}", "net.depth=18", "net.normalize_grad=true", "net.offset_lr_rate=1")
    engine = engine_of(cfg)
    names, batch = offset_parameters(looking_layers(engine.network.graph)), noise(engine)
    assert len(names) == 2

    def moved(hold):
        engine.hold(names, hold)
        before, _ = engine.parameters(names)
        engine.update(batch, 0.1)
        return {key: now - before[key] for key, now in engine.parameters(names)[0].items()}

    for _ in range(2):
        assert all(not each.any() for each in moved(hold=True).values())
        assert not any(engine.momentum()[key].any() for key in names if key in engine.momentum())
    for each in moved(hold=False).values():  # a step of learning rate x unit gradient: no momentum was saved up
        np.testing.assert_allclose(np.hypot(each[..., 0], each[..., 1]), 0.1, atol=1e-4)
    assert all(not each.any() for each in moved(hold=True).values())


@engines
def test_others_learn_while_offsets_are_held(name):
    engine = engine_of(config("quick_acn", f"engine={name}"))
    engine.hold(offset_parameters(looking_layers(engine.network.graph)), True)
    before, _ = engine.parameters()
    engine.update(noise(engine), 0.1)
    still = {key for key, value in engine.parameters()[0].items() if np.array_equal(value, before[key])}
    assert still == {"res5a_branch2b_offset", "upsampling_weight"}


@engines
def test_slowing_scales_the_rate_of_these_and_no_others(name):
    fast, slow = (engine_of(config("quick_dcn", f"engine={name}", "TRAIN.momentum=0.5")) for _ in range(2))
    slowed = steering(looking_layers(slow.network.graph))
    assert sorted(slowed) == ["res5a_branch2b_offset_bias", "res5a_branch2b_offset_weight"]
    slow.slow(slowed, 0.125)
    for engine in (fast, slow):
        engine.update(noise(engine), 1.0)
    pushed = slow.momentum()
    for key, push in fast.momentum().items():
        np.testing.assert_array_equal(pushed[key], push * (0.125 if key in slowed else 1), err_msg=key)
    assert pushed["res5a_branch2b_offset_bias"].any()


@engines
def test_bound_cuts_each_axis_and_keeps_nan(name):
    engine = engine_of(config("quick_acn", f"engine={name}"))
    (key,) = offset_parameters(looking_layers(engine.network.graph))
    value = np.zeros((1, 1, 3, 3, 2), np.float32)
    value[0, 0, 0, 0], value[0, 0, 1, 1], value[0, 0, 2, 2] = (3, -0.5), (-7, 2), (np.nan, np.inf)
    engine.load({key: value}, {})
    engine.clip([key], 2)
    expected = value.copy()
    expected[0, 0, 0, 0], expected[0, 0, 1, 1], expected[0, 0, 2, 2] = (2, -0.5), (-2, 2), (np.nan, 2)
    np.testing.assert_array_equal(engine.parameters([key])[0][key], expected)


@engines
def test_momentum_that_is_put_back_goes_on_as_before(name):
    settings = [f"engine={name}", "net.depth=18", "TRAIN.momentum=0.9"]
    whole = engine_of(config("quick_acn", *settings))
    batch = noise(whole)
    for _ in range(2):
        whole.update(batch, 0.05)
    arg, aux, momentum = *whole.parameters(), whole.momentum()
    assert {key for key, rule in whole.network.rules.items() if rule.grad_req == "write"} == set(momentum)
    whole.update(batch, 0.05)
    other = engine_of(config("quick_acn", *settings, "run.seed=9"))
    other.update(noise(other, 5), 0.05)  # momentum of its own, which goes
    other.load(arg, aux)
    other.load_momentum(momentum)
    other.update(batch, 0.05)
    for part, wanted in zip(other.parameters(), whole.parameters()):
        for key, value in part.items():
            np.testing.assert_array_equal(value, wanted[key], err_msg=key)


@engines
def test_a_parameter_without_momentum_begins_with_none(name):
    """What was held when the checkpoint was written has no entry there; it moves by its gradient alone."""
    settings, key = [f"engine={name}", "TRAIN.momentum=0.9"], "fc6_bias"
    engine = engine_of(config("quick_acn", *settings))
    batch = noise(engine)
    engine.update(batch, 0.05)
    arg, aux, momentum = *engine.parameters(), engine.momentum()
    pushed = momentum.pop(key)
    fresh = engine_of(config("quick_acn", *settings))
    fresh.load(arg, aux)
    fresh.load_momentum(momentum)
    fresh.update(batch, 0.05)
    engine.update(batch, 0.05)
    missing = engine.parameters([key])[0][key] - fresh.parameters([key])[0][key]
    np.testing.assert_allclose(missing, 0.9 * pushed, rtol=1e-3)
    assert pushed.any()


@engines
def test_momentum_keeps_the_rate_of_the_updates_that_made_it(name):
    """A rate that drops, here to 0, does not slow what is moving already (docs/detection.md: the loss jumps then)."""
    engine, key = engine_of(config("quick_acn", f"engine={name}", "TRAIN.momentum=0.9")), "fc6_bias"
    batch = noise(engine)
    engine.update(batch, 0.05)
    before, pushed = engine.parameters([key])[0][key], engine.momentum()[key]
    assert pushed.any()
    engine.update(batch, 0.0)
    np.testing.assert_allclose(engine.parameters([key])[0][key] - before, 0.9 * pushed, rtol=1e-3)
