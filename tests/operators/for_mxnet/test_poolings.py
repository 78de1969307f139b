# SPDX-License-Identifier: Apache-2.0
"""What is particular to the poolings over regions of interest: regions that are wrong, or none; stock code; float16."""

from __future__ import annotations

import mxnet as mx
import numpy as np
import pytest

from operators.for_mxnet import install, nd, sym

POOLINGS = ("PSROIPooling", "DeformablePSROIPooling")
SIZES = {"spatial_scale": 0.5, "output_dim": 2, "pooled_size": 3, "group_size": 3}
ATTRIBUTES = {
    "PSROIPooling": SIZES,
    "DeformablePSROIPooling": {**SIZES, "sample_per_part": 2, "trans_std": 0.1},
}
DATA, ROIS, TRANS = (2, 18, 8, 10), (5, 5), (5, 2, 3, 3)


def arrays(operator: str, dtype="float32", seed=0) -> dict:
    random = np.random.RandomState(seed)
    corners = random.uniform(-2, 20, (5, 4))
    values = {"data": random.randn(*DATA), "rois": np.column_stack([random.randint(0, 2, 5), corners])}
    if operator == "DeformablePSROIPooling":
        values["trans"] = random.randn(*TRANS)
    return {name: mx.nd.array(value, dtype=dtype) for name, value in values.items()}


def shapes_of(operator: str) -> dict:
    return {name: array.shape for name, array in arrays(operator).items()}


@pytest.fixture
def restored():
    yield
    install()


@pytest.mark.parametrize("operator", POOLINGS)
@pytest.mark.parametrize("name", ["roi_pool", None])
def test_names_are_those_of_stock(operator, name):
    found = []
    for front in (sym, mx.sym.contrib):
        with mx.name.NameManager():
            s = getattr(front, operator)(mx.sym.var("data"), name=name, **ATTRIBUTES[operator])
        found.append((s.name, s.list_arguments(), s.list_outputs(), s.list_auxiliary_states()))
    assert found[0] == found[1]


def test_the_layer_of_r_fcn_is_written_as_for_stock(restored):
    """The calls of the Deformable-ConvNets networks: keywords, no_trans, a first pooling that computes trans."""

    def network(contrib):
        data, rois = mx.sym.var("data"), mx.sym.var("rois")
        trans = contrib.DeformablePSROIPooling(
            name="offset", data=data, rois=rois, group_size=3, pooled_size=3, sample_per_part=4, no_trans=True,
            part_size=3, output_dim=2, spatial_scale=0.5,
        )  # fmt: skip
        return contrib.DeformablePSROIPooling(
            name="pooled", data=data, rois=rois, trans=trans, group_size=3, pooled_size=3, sample_per_part=4,
            no_trans=False, part_size=3, output_dim=2, spatial_scale=0.5, trans_std=0.1,
        )  # fmt: skip

    results = []
    for replace_stock in (False, True):
        install(replace_stock=replace_stock)
        symbol, given = network(mx.contrib.symbol), arrays("PSROIPooling")
        grads = {name: mx.nd.zeros(array.shape) for name, array in given.items()}
        executor = symbol.bind(mx.cpu(), given, args_grad=grads)
        out = executor.forward(is_train=True)[0]
        executor.backward(mx.nd.ones(out.shape))
        results.append([out.asnumpy(), grads["data"].asnumpy(), grads["rois"].asnumpy()])
    assert '"op": "Custom"' in symbol.tojson()
    for stock, ours in zip(*results):
        np.testing.assert_allclose(ours, stock, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("operator", POOLINGS)
def test_shapes_are_inferred_when_rois_are_known_and_not_before(operator):
    symbol = getattr(sym, operator)(**{i: mx.sym.var(i) for i in shapes_of(operator)}, **ATTRIBUTES[operator])
    assert symbol.infer_shape(**shapes_of(operator))[1] == [(5, 2, 3, 3)]
    assert symbol.infer_shape_partial(data=DATA)[1] in ([()], [(0, 0, 0, 0)])
    assert symbol.infer_shape_partial(rois=ROIS)[1] in ([()], [(0, 0, 0, 0)])


@pytest.mark.parametrize("operator", POOLINGS)
def test_no_region_and_no_image(operator):
    with mx.util.np_shape(True):
        given = {name: array[:0] if name != "data" else array for name, array in arrays(operator).items()}
        for data in (given["data"], given["data"][:0]):
            data.attach_grad()
            if data.size:
                data.grad[:] = 7
            with mx.autograd.record():
                out = getattr(nd, operator)(**{**given, "data": data}, **ATTRIBUTES[operator])
            out.backward()
            assert out.shape == (0, 2, 3, 3)
            assert (data.grad.asnumpy() == 0).all()


@pytest.mark.parametrize("first", [2, -2, float("nan")])
@pytest.mark.parametrize("operator", POOLINGS)
def test_a_wrong_image_raises_at_the_next_wait_and_the_process_goes_on(operator, first):
    given = arrays(operator)
    right = getattr(nd, operator)(**given, **ATTRIBUTES[operator]).asnumpy()
    wrong = {**given, "rois": given["rois"].copy()}
    wrong["rois"][3, 0] = first
    said = rf"{operator}: the image of a region must be a whole number from 0 to 1.*rois\[3, 0\] is"
    for _ in range(3):
        with pytest.raises(mx.MXNetError, match=said):
            getattr(nd, operator)(**wrong, **ATTRIBUTES[operator]).asnumpy()
        assert (getattr(nd, operator)(**given, **ATTRIBUTES[operator]).asnumpy() == right).all()
    executor = getattr(sym, operator)(**{i: mx.sym.var(i) for i in given}, **ATTRIBUTES[operator]).bind(
        mx.cpu(), wrong, args_grad={name: mx.nd.zeros(array.shape) for name, array in given.items()}
    )
    with pytest.raises(mx.MXNetError, match=said):
        executor.forward(is_train=True)[0].asnumpy()
    mx.nd.waitall()


@pytest.mark.parametrize(
    "operator, attributes, shapes, said",
    [
        ("PSROIPooling", {"output_dim": 3}, {}, ["data must have", "3 * 3 * 3 = 27 channels", "(2, 18, 8, 10)"]),
        ("PSROIPooling", {"spatial_scale": 0}, {}, ["spatial_scale must be above 0 and at most 1, got 0"]),
        ("PSROIPooling", {"spatial_scale": 16}, {}, ["spatial_scale", "got 16"]),
        ("PSROIPooling", {"pooled_size": 0}, {}, ["pooled_size must be 1 to", "got 0"]),
        ("PSROIPooling", {"pool_size": 3}, {}, ["'pool_size'", "nearest known one is 'pooled_size'"]),
        ("PSROIPooling", {}, {"rois": (5, 4)}, ["rois must have shape (R, 5), got (5, 4)"]),
        ("DeformablePSROIPooling", {"trans_std": 2}, {}, ["trans_std must be 0 to 1, got 2"]),
        ("DeformablePSROIPooling", {"group_size": 0}, {}, ["group_size must be at least 1, got 0"]),
        ("DeformablePSROIPooling", {"sample_per_part": 0}, {}, ["sample_per_part must be 1 to", "got 0"]),
        ("DeformablePSROIPooling", {}, {"trans": (4, 2, 3, 3)}, ["trans must have shape (5, 2 * classes, 3, 3), got"]),
        ("DeformablePSROIPooling", {}, {"trans": (5, 3, 3, 3)}, ["trans must have twice as many channels", "(5, 3,"]),
        ("DeformablePSROIPooling", {}, {"trans": (5, 6, 3, 3)}, ["divide output_dim=2", "(5, 6, 3, 3)"]),
        ("DeformablePSROIPooling", {"no_trans": True}, {}, ["trans was given", "no_trans=True"]),
    ],
)
@pytest.mark.parametrize("front", [nd, sym])
def test_wrong_arguments_name_the_node(operator, attributes, shapes, said, front):
    given = {**shapes_of(operator), **shapes}
    make = mx.nd.zeros if front is nd else lambda shape: mx.sym.var("x", shape=shape)
    with pytest.raises(mx.MXNetError) as error:
        result = getattr(front, operator)(
            **{name: make(shape) for name, shape in given.items()},
            name="res5",
            **{**ATTRIBUTES[operator], **attributes},
        )
        result.wait_to_read() if front is nd else result.infer_shape()
    for part in (f"Error in operator res5: {operator}: ", *said):
        assert part in str(error.value)


@pytest.mark.parametrize("operator", POOLINGS)
def test_the_fraction_of_an_image_is_dropped_as_stock_drops_it(operator):
    given = arrays(operator)
    moved = {**given, "rois": given["rois"].copy()}
    moved["rois"][:, 0] += mx.nd.array([0.001, 0.25, 0.999, 0, 0.5])
    ours = getattr(nd, operator)(**moved, **ATTRIBUTES[operator]).asnumpy()
    stock = getattr(mx.nd.contrib, operator)(**moved, **ATTRIBUTES[operator]).asnumpy()
    np.testing.assert_allclose(ours, stock, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(ours, getattr(nd, operator)(**given, **ATTRIBUTES[operator]).asnumpy())


@pytest.mark.parametrize("operator", POOLINGS)
def test_rois_padded_with_minus_1_give_0_and_no_gradient(operator):
    """Stock reads other memory there; of MXNet's own operators, ROIPooling says 0 as well."""
    given = arrays(operator)
    given["rois"][3:] = -1
    for array in given.values():
        array.attach_grad()
    with mx.autograd.record():
        out = getattr(nd, operator)(**given, **ATTRIBUTES[operator])
    out.backward()
    fewer = {name: array if name == "data" else array[:3] for name, array in arrays(operator).items()}
    for array in fewer.values():
        array.attach_grad()
    with mx.autograd.record():
        kept = getattr(nd, operator)(**fewer, **ATTRIBUTES[operator])
    kept.backward()
    assert (out[3:].asnumpy() == 0).all()
    np.testing.assert_allclose(out[:3].asnumpy(), kept.asnumpy(), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(given["data"].grad.asnumpy(), fewer["data"].grad.asnumpy(), rtol=1e-5, atol=1e-6)
    if "trans" in given:
        assert (given["trans"].grad[3:].asnumpy() == 0).all()
    plain = mx.nd.ROIPooling(given["data"], given["rois"], pooled_size=(2, 2), spatial_scale=0.5)
    assert (plain[3:].asnumpy() == 0).all()


@pytest.mark.parametrize("operator", POOLINGS)
def test_mxnets_numeric_gradient_check_runs_through_ours(operator, restored):
    """It moves every number of every input, the image of a region among them, whatever gradient it is to check."""
    install(replace_stock=True)
    scale, height, width = 0.0625, 9, 12
    random = np.random.RandomState(7)
    corners = np.sort(random.rand(2, 2, 2) * [[[width / scale - 1], [height / scale - 1]]], axis=2)
    rois = np.column_stack([np.zeros(2), corners[:, :, 0], corners[:, :, 1]])
    symbol = getattr(mx.sym.contrib, operator)(
        *(mx.sym.var(name) for name in shapes_of(operator)), name="pool",
        **{**ATTRIBUTES[operator], "spatial_scale": scale},
    )  # fmt: skip
    assert '"Custom"' in symbol.tojson()
    location = [random.rand(1, 18, height, width), rois]
    if operator == "DeformablePSROIPooling":
        location.append(np.zeros((2, 2, 3, 3)))
    mx.test_utils.check_numeric_gradient(symbol, location, rtol=1e-2, atol=1e-3, grad_nodes=["data"])


@pytest.mark.parametrize("req", ["write", "add"])
@pytest.mark.parametrize("operator", POOLINGS)
def test_float16_on_the_cpu_is_float32_rounded_once(operator, req):
    """Stock takes it too, and computes in float16: so it agrees as far as that goes."""
    results = {}
    for dtype in ("float16", "float32"):
        given = {name: array.astype(dtype) for name, array in arrays(operator, "float16").items()}
        for array in given.values():
            array.attach_grad(req)
            array.grad[:] = 3
        for front in (nd, mx.nd.contrib):
            with mx.autograd.record():
                out = getattr(front, operator)(**given, **ATTRIBUTES[operator])
            if front is nd:
                out.backward()
                assert out.dtype == np.dtype(dtype)
            results[front, dtype] = out.asnumpy()
        results[dtype] = [given[name].grad.asnumpy() for name in given if name != "rois"]
    np.testing.assert_array_equal(results[nd, "float16"], results[nd, "float32"].astype(np.float16))
    for half, single in zip(results["float16"], results["float32"]):
        assert half.dtype == np.float16
        if req == "write":
            np.testing.assert_array_equal(half, single.astype(np.float16))
        else:  # the guard adds, in float16, what was rounded
            np.testing.assert_allclose(half, single, rtol=2e-3)
    np.testing.assert_allclose(results[nd, "float16"], results[mx.nd.contrib, "float16"], rtol=0, atol=2e-2)


def test_the_three_dtypes_are_consistent_in_mxnets_own_check(restored):
    install(replace_stock=True)
    symbol = mx.sym.contrib.PSROIPooling(name="pool", **ATTRIBUTES["PSROIPooling"])
    rois = arrays("PSROIPooling")["rois"].asnumpy()
    contexts = [
        {"ctx": mx.cpu(), "pool_data": DATA, "pool_rois": ROIS,
         "type_dict": {"pool_data": dtype, "pool_rois": dtype}}
        for dtype in (np.float64, np.float32, np.float16)
    ]  # fmt: skip
    grad_req = {"pool_data": "write", "pool_rois": "null"}
    mx.test_utils.check_consistency(symbol, contexts, grad_req=grad_req, arg_params={"pool_rois": np.round(rois)})
