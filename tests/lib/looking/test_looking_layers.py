# SPDX-License-Identifier: Apache-2.0
"""The reader of graphs: which layers look, what makes their offsets, and what follows from that, whatever names,
kernels and groups they have. Values are those that the network computes."""

from __future__ import annotations

import logging
import math
from types import SimpleNamespace

import mxnet as mx
import numpy as np
import pytest
from graphs import GRAPHS, POOLINGS, SHAPE, active, batch, bounded, branch, deformable, engine_of, modulated, pad_of

from lib.looking.layers import looking_layers, named_by_layer, offset_parameters, set_offsets_zero, steering
from lib.looking.monitor import OffsetMonitor
from lib.looking.seen import convolutions, seen_layers, wanted_outputs
from lib.looking.watchers import BoundOffsets, HoldOffsets, WatchOffsets, bound_of
from lib.run.rules import Row, rules
from operators.for_mxnet import sym

MADE_BY = {  # name: (kernel, sets, kind, all that makes offsets or masks)
    "5x5": ((5, 5), 1, "deformable", {"where_weight", "where_bias"}),
    "1x7": ((1, 7), 1, "deformable", {"where_weight", "where_bias"}),
    "two groups and two sets": ((3, 3), 4, "deformable", {"where_weight", "where_bias"}),
    "bounded": ((3, 3), 1, "deformable", {"where_weight", "where_bias"}),
    "modulated": ((3, 3), 1, "modulated", {"where_weight", "where_bias"}),
    "modulated 5x5": ((5, 5), 1, "modulated", {"where_weight", "where_bias"}),
    "active 1x7": ((1, 7), 1, "active", {"layer_offset"}),
    "active two groups and two sets": ((3, 3), 4, "active", {"layer_offset"}),
    "active bounded": ((3, 3), 1, "active", {"where"}),
    "stock": ((3, 3), 1, "deformable", {"rfcn_cls_offset_t_weight", "rfcn_cls_offset_t_bias"}),
    "rfcn": ((2, 2), 1, "pooling", {"rfcn_cls_offset_t_weight", "rfcn_cls_offset_t_bias"}),
    "faster rcnn": ((3, 3), 1, "pooling", {"offset_weight", "offset_bias"}),
}
each_graph = pytest.mark.parametrize("name", GRAPHS)
each_convolution = pytest.mark.parametrize("name", [name for name in GRAPHS if name not in POOLINGS])


def only(graph):
    (layer,) = looking_layers(graph.tojson())
    return layer


@each_graph
def test_record_of_each_layer(name):
    layer = only(GRAPHS[name]())
    kernel, sets, kind, made_by = MADE_BY[name]
    assert (layer.kernel, layer.sets, layer.kind, layer.steering) == (kernel, sets, kind, made_by)
    assert layer.is_convolution == (name not in POOLINGS) and layer.same_everywhere == (kind == "active")
    direct = kind == "active" and name != "active bounded"
    assert offset_parameters([layer]) == (["layer_offset"] if direct else [])
    if layer.is_convolution:
        assert layer.pad == pad_of(kernel)


@each_graph
def test_rules_follow_what_a_parameter_does(name):
    """The row of its kind, however it is called; everything else follows the rows for ordinary parameters."""
    graph = GRAPHS[name]()
    layer = only(graph)
    table = (Row(r".*", 0.25, "zeros", steers=layer.kind), Row(r".*", 1.0, "msra"))
    names = [each for each in graph.list_arguments() if each not in ("data", "rois")]
    found = rules(table, names, steering([layer]), (), "here")
    assert {each for each, rule in found.items() if rule.lr_mult == 0.25} == MADE_BY[name][3]
    assert all(rule.init == "msra" for each, rule in found.items() if each not in MADE_BY[name][3])


# --- offsets set to 0


def regular(name, engine, arg):
    """What the same layer computes on its regular grid, by stock operators alone, with the masks that it has."""
    data, rois = (batch(engine).get(each) for each in ("data", "rois"))
    kernel = MADE_BY[name][0]
    given = {each: mx.nd.array(value, dtype="float64") for each, value in {"data": data, **arg}.items()}
    if name in POOLINGS:
        pool = {"spatial_scale": 1.0, "sample_per_part": 2, "no_trans": True, "trans_std": 0.5}
        if name == "rfcn":
            given["data"] = mx.nd.Convolution(given["data"], given["rfcn_cls_weight"], given["rfcn_cls_bias"],
                                              kernel=(1, 1), num_filter=8)  # fmt: skip
            pool |= {"output_dim": 2, "group_size": 2, "pooled_size": 2}
        else:
            pool |= {"output_dim": 4, "group_size": 1, "pooled_size": 3}
        from operators.for_mxnet import nd

        return nd.DeformablePSROIPooling(given["data"], mx.nd.array(rois, dtype="float64"), **pool).asnumpy()
    weight = next(value for each, value in given.items() if each in ("layer_weight", "stock_weight"))
    taps = kernel[0] * kernel[1]
    mask = np.ones((SHAPE[0], taps, *SHAPE[2:]))
    if name.startswith("modulated"):
        both = mx.nd.Convolution(given["data"], given["where_weight"], given["where_bias"], kernel=(3, 3), pad=(1, 1),
                                 num_filter=3 * taps).asnumpy()  # fmt: skip
        mask = 2 / (1 + np.exp(-both[:, 2 * taps :]))
    padded = np.pad(data, ((0, 0), (0, 0), *((side, side) for side in pad_of(kernel))))
    out = 0
    for tap, (i, j) in enumerate(np.ndindex(*kernel)):
        window = padded[:, :, i : i + SHAPE[2], j : j + SHAPE[3]] * mask[:, tap, None]
        out = out + np.einsum("fc,nchw->nfhw", weight.asnumpy()[:, :, i, j], window)
    return out


def result(engine, name):
    head = {"stock": "stock", "rfcn": "deformable_psroipool", "faster rcnn": "deformable_roi_pool"}.get(name, "layer")
    return engine.compute(batch(engine), [f"{head}_output"])[f"{head}_output"]


@each_graph
def test_offsets_set_to_zero_give_what_the_regular_grid_gives(name):
    engine = engine_of(GRAPHS[name]())
    arg, _ = engine.parameters()
    kept = {each: value.copy() for each, value in arg.items()}
    wanted, moved = regular(name, engine, arg), result(engine, name)
    assert not np.allclose(moved, wanted, atol=1e-3), "the offsets must move something"
    changed = set_offsets_zero(arg, [only(GRAPHS[name]())])
    assert set(changed) == MADE_BY[name][3]
    engine.load(arg, {})
    np.testing.assert_allclose(result(engine, name), wanted, rtol=1e-9, atol=1e-9)
    for each, value in kept.items():  # what masks and everything else are made of stays
        rows = slice(2 * MADE_BY[name][0][0] * MADE_BY[name][0][1], None) if name.startswith("modulated") else slice(0)
        untouched = value if each not in changed else value[rows]
        np.testing.assert_array_equal(arg[each] if each not in changed else arg[each][rows], untouched, err_msg=each)


@each_graph
def test_setting_to_zero_copies_and_takes_no_offence_at_what_is_missing(name):
    layer = only(GRAPHS[name]())
    first, *others = sorted(MADE_BY[name][3])
    arg = {each: np.ones((64, 2)) for each in others}
    kept = dict(arg)
    assert set(set_offsets_zero(arg, [layer])) == set(others) and first not in arg
    assert all(value.all() for value in kept.values())


# --- the monitor, held and bounded offsets


@each_convolution
def test_monitor_sees_what_the_network_computes(name):
    engine = engine_of(GRAPHS[name]())
    layer = only(GRAPHS[name]())
    offset = engine.compute(batch(engine), [layer.offset])[layer.offset]
    taps = layer.kernel[0] * layer.kernel[1]
    pairs = offset.reshape(-1, taps, 2) if layer.same_everywhere else np.moveaxis(
        offset.reshape(SHAPE[0], layer.sets, taps, 2, -1), 3, -1)  # fmt: skip
    lengths = np.hypot(pairs[..., 0], pairs[..., 1])
    monitor = OffsetMonitor(engine, lambda: batch(engine))
    (seen,) = monitor.observe().values()
    assert (seen.mean, seen.max) == (pytest.approx(lengths.mean()), pytest.approx(lengths.max()))
    assert seen.taps == layer.sets * taps and monitor.sizes == {layer.name: SHAPE[2:]}
    if offset_parameters([layer]):
        assert monitor.longest() == {layer.name: pytest.approx(lengths.max())}


@pytest.mark.parametrize("name", POOLINGS)
def test_monitor_leaves_poolings_alone(name):
    engine = engine_of(GRAPHS[name]())
    assert OffsetMonitor(engine, lambda: pytest.fail("nothing to compute")).observe() == {}


@each_graph
def test_holding_stops_offsets_that_are_learned_as_such_and_nothing_else(name):
    engine = engine_of(GRAPHS[name]())
    holds = HoldOffsets(engine, 1)
    holds.before_epoch(0)
    before, _ = engine.parameters()
    engine.update(batch(engine), 0.01)
    after, _ = engine.parameters()
    still = {each for each in before if np.array_equal(before[each], after[each])}
    assert still == (MADE_BY[name][3] if MADE_BY[name][2] == "active" else set())
    holds.before_epoch(1)
    engine.update(batch(engine), 0.01)
    assert all(not np.array_equal(engine.parameters([each])[0][each], before[each]) for each in still)


@each_graph
def test_bound_cuts_offsets_that_are_parameters_and_touches_nothing_else(name):
    engine = engine_of(GRAPHS[name](), scale=3.0)
    before, _ = engine.parameters()
    BoundOffsets(engine, 0.5).after_update()
    after, _ = engine.parameters()
    for each, value in before.items():
        expected = np.clip(value, -0.5, 0.5) if each == "layer_offset" else value
        np.testing.assert_array_equal(after[each], expected, err_msg=each)


@each_convolution
@pytest.mark.parametrize("reaction", ["warn", "stop"])
def test_an_explosion_is_told_by_the_layers_name(name, reaction, caplog):
    engine = engine_of(GRAPHS[name]())
    layer = only(GRAPHS[name]())
    watch = WatchOffsets(engine, reaction, 0.01, lambda: batch(engine), logging.getLogger("test"))
    with caplog.at_level("INFO", "test"):
        seen = watch.after_epoch(0)
    told = f"offsets exploded: {layer.name} looks "
    assert (told in seen.problem) == (reaction == "stop") and (told in caplog.text) == (reaction == "warn")
    (event,) = seen.events
    assert set(event["layers"]) == {layer.name} and event["layers"][layer.name]["max"] > 0.01
    assert (told in watch.after_update()) == (reaction == "stop" and bool(layer.offset_parameter))


def test_what_bounds_no_offset_gives_no_bound():
    train = SimpleNamespace(optimizer="sgd", momentum=0.5)
    cfg = SimpleNamespace(TRAIN=train, run=SimpleNamespace(offset_warmup_epochs=1))
    for graph in (active(), active(offset=bounded(mx.sym.var("where", shape=(1, 1, 3, 3, 2)))), deformable()):
        assert bound_of(engine_of(graph), cfg, lambda update: 0.1, 4) is None
    graph = sym.ActiveConvolution(mx.sym.var("data"), name="odd", kernel=(3, 3), pad=(1, 1), num_filter=4,
                                  normalize_grad=True, offset_lr_rate=0.25)  # fmt: skip
    told = bound_of(engine_of(graph), cfg, lambda update: 0.1, 4)
    assert told(1) == 0 and math.isclose(told(3), 0.25 / (1 - 0.5) * 0.1 * 8)
    train.optimizer = "adam"  # whose steps do not follow the gradient's length
    assert bound_of(engine_of(graph), cfg, lambda update: 0.1, 4) is None


@each_graph
def test_slowing_after_a_rollback_reaches_all_that_makes_offsets(name):
    fast, slow = engine_of(GRAPHS[name]()), engine_of(GRAPHS[name]())
    slow.slow(steering(looking_layers(slow.network.graph)), 0.25)
    for engine in (fast, slow):
        engine.update(batch(engine), 1.0)
    for each, push in fast.momentum().items():
        factor = 0.25 if each in MADE_BY[name][3] else 1
        np.testing.assert_array_equal(slow.momentum()[each], factor * push, err_msg=each)


# --- pictures


@each_convolution
def test_pictures_get_the_points_that_the_layer_reads(name):
    engine = engine_of(GRAPHS[name]())
    text = engine.network.graph
    one = {"data": batch(engine)["data"][:1]}
    arrays = engine.compute(one, wanted_outputs(convolutions(text)))
    (seen,) = seen_layers(text, arrays, engine.shapes({"data": one["data"].shape}))
    layer = only(GRAPHS[name]())
    taps = layer.kernel[0] * layer.kernel[1]
    offset = arrays[layer.offset].reshape(layer.sets, taps, 2, *((1, 1) if layer.same_everywhere else SHAPE[2:]))
    assert (seen.name, seen.kind, seen.sets, seen.geometry.taps) == (layer.name, layer.kind, layer.sets, taps)
    np.testing.assert_array_equal(seen.offset, offset)
    assert (seen.mask is not None) == (layer.kind == "modulated")


def test_offsets_are_listed_by_their_layers_and_in_one_form():
    layers = looking_layers(active((1, 7), offset=mx.sym.var("rfcn_cls_offset_t"), name="a").tojson())
    value = np.arange(14.0)
    for given in (value, value.reshape(1, 1, 1, 7, 2)):
        ((name, found),) = named_by_layer(layers, {"rfcn_cls_offset_t": given}).items()
        assert name == "a" and found.shape == (1, 1, 1, 7, 2) and found[0, 0, 0, 2].tolist() == [4, 5]


# --- what is refused


def test_taking_channels_apart_in_other_ways_is_refused_by_name():
    both = branch("where", 36)
    half = mx.sym.slice_axis(both, axis=1, begin=0, end=18)
    other = mx.sym.slice_axis(both, axis=1, begin=27, end=36)
    first = mx.sym.slice_axis(both, axis=1, begin=0, end=9)
    up = mx.sym.Deconvolution(mx.sym.var("data"), name="up", kernel=(1, 1), num_filter=36)
    wrong = {
        "SliceChannel": lambda: modulated(cut="SliceChannel"),
        "slice": lambda: deformable(offset=mx.sym.slice(both, begin=(None, 0), end=(None, 18), name="cut")),
        "slice_axis": lambda: deformable(offset=mx.sym.slice_axis(both, axis=-1, begin=0, end=9)),
        "Reshape": lambda: deformable(
            offset=mx.sym.slice_axis(mx.sym.Reshape(both, shape=(0, -1, 9, 11)), axis=1, begin=0, end=18)
        ),
        "Deconvolution": lambda: deformable(offset=mx.sym.slice_axis(up, axis=1, begin=0, end=18)),
        "do not adjoin": lambda: deformable(offset=mx.sym.Concat(first, other, dim=1)),
    }
    for said, make in wrong.items():
        with pytest.raises(ValueError, match=f"{said}.*not served"):
            looking_layers(make().tojson())
    assert only(deformable(offset=half)).parameters == {"where_weight": slice(0, 18), "where_bias": slice(0, 18)}
    inner = mx.sym.slice_axis(mx.sym.slice_axis(both, axis=1, begin=9, end=36), axis=-3, begin=9, end=27)
    assert only(deformable(offset=inner)).parameters == {"where_weight": slice(18, 36), "where_bias": slice(18, 36)}


def test_a_graph_that_is_none_is_refused():
    for text in ("", "{}", "[]", '{"nodes": [{}], "heads": []}', '{"nodes": 3, "heads": []}'):
        with pytest.raises(ValueError, match="not a graph as MXNet saves it"):
            looking_layers(text)


def test_an_operator_without_offsets_is_no_such_layer():
    assert looking_layers(branch("res5a_branch2b_offset", 18).tojson()) == []  # a name alone makes none
    rois = mx.sym.var("rois")
    pooled = sym.DeformablePSROIPooling(mx.sym.var("data"), rois, no_trans=True, spatial_scale=1.0, output_dim=4,
                                        group_size=1, pooled_size=3)  # fmt: skip
    assert looking_layers(pooled.tojson()) == []
