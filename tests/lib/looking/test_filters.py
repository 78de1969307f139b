# SPDX-License-Identifier: Apache-2.0
"""What a dynamic filter is said to read is what it reads."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import mxnet as mx
import numpy as np
import pytest
from looks_made import layer, look

from lib.looking import look as looks
from lib.looking.filters import filter_layers, filters_inside
from lib.nets import operators
from lib.pictures.windows import windows_figure

SIZE, CHANNELS, FILTERS = (7, 9), 3, 2
SETTINGS = {
    "paper": {},
    "mean, at the output": {"fusion": "mean", "attention_at": "output", "residual": False},
    "even samples, softmax": {"samples": (2, 4), "sample_stride": (2, 1), "softmax": True},
    "one sample, dilated": {"samples": (1, 1), "dilate": (2, 1), "kernel": (3, 5)},
}


def network(**settings) -> mx.sym.Symbol:
    attributes = {"kernel": (3, 3), "samples": (3, 3), "sample_stride": (3, 3), "num_filter": FILTERS, **settings}
    made = {key: mx.sym.var(key) for key in ("U", "V", "P", "A")}
    return operators.DynamicFilter(
        mx.sym.var("data"), made["U"], made["V"], made["P"] + 1, made["A"] + 1, name="look", **attributes
    )


def inputs_of(symbol: mx.sym.Symbol) -> dict[str, np.ndarray]:
    (layer,) = filter_layers(symbol.tojson())
    taps, samples, random = len(layer.tap_steps), len(layer.sample_steps), np.random.default_rng(3)
    channels = {"data": CHANNELS, "U": FILTERS * CHANNELS, "V": FILTERS * taps, "P": taps, "A": samples}
    return {name: random.standard_normal((1, count, *SIZE)) for name, count in channels.items()}


def engine_of(symbol: mx.sym.Symbol):
    """What `filters_inside` asks of an engine, in float64."""

    def compute(inputs, names):
        inside = symbol.get_internals()
        group = mx.sym.Group([inside[name] if name in inside.list_outputs() else mx.sym.var(name) for name in names])
        given = {name: mx.nd.array(inputs[name], dtype="float64") for name in group.list_arguments()}
        return {name: each.asnumpy() for name, each in zip(names, group.bind(mx.cpu(), given).forward())}

    return SimpleNamespace(network=SimpleNamespace(graph=symbol.tojson()), compute=compute)


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
@pytest.mark.parametrize("cell", [(3, 4), (0, 0), (6, 7)])
def test_weights_are_what_the_output_answers_to_a_pixel_with(settings, cell):
    symbol = network(**settings)
    inputs = inputs_of(symbol)
    (found,) = filters_inside(engine_of(symbol), inputs)
    weights, own = found.field(cell)
    told = np.zeros((FILTERS, *SIZE))
    for place in np.ndindex(*weights.shape[1:]):
        at = np.add(cell, place) - own
        if ((at >= 0) & (at < SIZE)).all():
            told[:, at[0], at[1]] = weights[:, place[0], place[1]]
        else:
            assert not weights[:, place[0], place[1]].any()
    answers = np.empty_like(told)
    engine = engine_of(symbol)
    for place in np.ndindex(*SIZE):
        data = np.zeros_like(inputs["data"])
        data[..., place[0], place[1]] = 1 / CHANNELS
        out = engine.compute({**inputs, "data": data}, ["look_output"])["look_output"]
        answers[:, place[0], place[1]] = out[0, :, cell[0], cell[1]]
    assert np.abs(answers).max() > 0.1
    np.testing.assert_allclose(told, answers, atol=1e-12)


def test_its_picture_shows_every_window_and_kernel_at_the_pixel_that_is_asked_for():
    symbol = network()
    (found,) = filters_inside(engine_of(symbol), inputs_of(symbol))
    image = np.full((70, 90, 3), 90, np.uint8)
    pixel = found.pixel_of((2, 8), (70, 90))
    assert found.cell_of(pixel, (70, 90)) == (2, 8) and pixel == (25, 85)
    assert found.attention[(slice(None), *found.most_selective())].std() == pytest.approx(
        found.attention.std(axis=0).max()
    )
    figure = windows_figure("run", image, found, pixel)
    windows, field, kernels = figure.axes
    attention = found.attention[:, 2, 8]
    assert sorted(text.get_text() for text in windows.texts) == sorted(f"{each:.1f}" for each in attention)
    strongest = max(windows.patches, key=lambda each: each.get_linewidth())
    y, x = np.add((2, 8), found.layer.sample_steps[np.abs(attention).argmax()])
    assert strongest.get_xy() == ((x - 1) * 10 - 0.5, (y - 1) * 10 - 0.5) and strongest.get_height() == 30
    star = [each.get_offsets()[0].tolist() for each in windows.collections]
    assert star == [[84.5, 24.5]]
    assert field.images[1].get_extent() == [8 * 10 - 40 - 0.5, 8 * 10 + 50 - 0.5, 20 + 50 - 0.5, 20 - 40 - 0.5]
    shown = np.asarray(kernels.images[0].get_array())
    np.testing.assert_array_equal(shown[:, :3], found.kernel[0, :, 2, 8].reshape(3, 3))
    np.testing.assert_array_equal(shown[:, 4:], found.kernel[1, :, 2, 8].reshape(3, 3))


def test_only_the_largest_maps_are_given():
    data = mx.sym.var("data")
    made = []
    for name, picture in (("whole", data), ("half", mx.sym.Pooling(data, kernel=(2, 2), stride=(2, 2)))):
        parts = [mx.sym.slice_axis(picture, axis=1, begin=0, end=end) for end in (6, 18, 9, 9)]
        kept = mx.sym.slice_axis(picture, axis=1, begin=0, end=3)
        made.append(operators.DynamicFilter(kept, *parts, name=name, num_filter=2, samples=(3, 3), kernel=(3, 3)))
    symbol = mx.sym.Group(made)
    found = filters_inside(engine_of(symbol), {"data": np.ones((1, 18, 6, 6))})
    assert [each.layer.name for each in found] == ["whole"] and len(filter_layers(symbol.tojson())) == 2


def test_filters_are_kept_with_a_look(tmp_path):
    symbol = network(samples=(2, 4))
    (found,) = filters_inside(engine_of(symbol), inputs_of(symbol))
    looks.save(tmp_path / "look.npz", replace(look(layer()), filters=[found]))
    (again,) = looks.load(tmp_path / "look.npz").filters
    assert again.layer == found.layer
    for name in ("kernel", "between", "position", "attention"):
        np.testing.assert_allclose(getattr(again, name), getattr(found, name), rtol=1e-3, atol=1e-6)
