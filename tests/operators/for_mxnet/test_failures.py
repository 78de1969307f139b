# SPDX-License-Identifier: Apache-2.0
"""What goes wrong in MXNet's own threads: an error raises where the program next waits, or its results are NaN, and the
process goes on. A region whose image is not there is what can only be known there."""

from __future__ import annotations

import threading

import mxnet as mx
import numpy as np
import pytest
from samples import sample

from operators.for_mxnet import nd, sym

SIZES = {"spatial_scale": 1.0, "output_dim": 2, "pooled_size": 2}
SAID = r"PSROIPooling: the image of a region must be a whole number from 0 to 0.*rois\[0, 0\] is 5"


def arrays(image=5, dtype="float32") -> tuple:
    return mx.nd.ones((1, 8, 6, 6), dtype=dtype), mx.nd.array([[image, 0, 0, 3, 3]], dtype=dtype)


def settle():
    """Waits for everything, and takes the errors of those that nobody waited for."""
    try:
        mx.nd.waitall()
    except mx.MXNetError as error:
        assert "the image of a region" in str(error)


@pytest.fixture(autouse=True)
def settled():
    yield
    settle()


def right_call():
    assert (nd.PSROIPooling(*arrays(0), **SIZES).asnumpy() == 1).all()


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_of_many_that_fail_at_once_none_passes_for_computed(dtype):
    """MXNet keeps one error for all custom operators, so some of these raise nothing; those are NaN."""
    raised = silent = 0
    for _ in range(10):
        pending = [nd.PSROIPooling(*arrays(dtype=dtype), **SIZES) for _ in range(50)]
        for out in pending:
            try:
                values = out.asnumpy()
            except mx.MXNetError:
                raised += 1
            else:
                silent += 1
                assert np.isnan(values).all()
    assert raised > 0
    assert raised + silent == 500
    right_call()


@pytest.mark.parametrize("req", ["write", "add"])
@pytest.mark.parametrize("waited", ["data", "rois", "trans"])
def test_a_gradient_that_was_not_computed_raises_or_is_nan(waited, req):
    one = sample("DeformablePSROIPooling")
    given = one.ndarrays("float32")
    given["rois"][0, 0] = 9
    for array in given.values():
        array.attach_grad(req)
    for _ in range(30):
        with mx.autograd.record():
            out = one.call(*given.values())
        out.backward()
    try:
        assert np.isnan(given[waited].grad.asnumpy()).any()
    except mx.MXNetError as error:
        assert "rois[0, 0] is 9" in str(error)
    settle()
    right_call()


@pytest.mark.parametrize("wait", ["asnumpy", "wait_to_read", "waitall", "through other operators"])
def test_it_raises_wherever_the_program_waits(wait):
    out = nd.PSROIPooling(*arrays(), **SIZES)
    with pytest.raises(mx.MXNetError, match=SAID):
        if wait == "waitall":
            mx.nd.waitall()
        elif wait == "through other operators":
            ((2 * out).sum() + 1).asscalar()
        else:
            getattr(out, wait)()
    right_call()


def test_a_bound_symbol_raises_and_runs_again():
    symbol = sym.PSROIPooling(mx.sym.var("data"), mx.sym.var("rois"), name="pool", **SIZES)
    given = dict(zip(("data", "rois"), arrays()))
    executor = symbol.bind(mx.cpu(), given, args_grad={name: mx.nd.zeros(a.shape) for name, a in given.items()})
    for _ in range(3):
        with pytest.raises(mx.MXNetError, match=SAID):
            executor.forward(is_train=True)[0].asnumpy()
        given["rois"][:] = arrays(0)[1]
        assert (executor.forward(is_train=True)[0].asnumpy() == 1).all()
        given["rois"][:] = arrays(5)[1]


def test_failures_by_the_hundred_leave_no_memory_behind():
    def failures(count):
        for _ in range(count):
            with pytest.raises(mx.MXNetError):
                nd.PSROIPooling(mx.nd.ones((1, 8, 256, 256)), arrays()[1], **SIZES).asnumpy()
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * 4096

    before = failures(20)
    assert failures(60) - before < 32 << 20  # each handles 2 MiB


@pytest.mark.parametrize("mode", ["engine", "profiler", "exit", "fork"])
def test_it_is_safe_in_every_way_a_process_can_meet_it(run_program, mode):
    """NaiveEngine calls from the user's thread; the profiler brackets the call; at exit and before a fork we wait."""
    environment = {"MXNET_ENGINE_TYPE": "NaiveEngine"} if mode == "engine" else {}
    done = run_program("fails.py", mode, check=False, timeout=120, **environment)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["raised", "right"], done.stderr
    assert ("the image of a region" in done.stderr) == (mode not in ("engine", "profiler"))  # what nobody else was told


def test_two_threads_may_bind_one_symbol():
    """A node of a graph is never written to after it was made."""
    one = sample("DeformableConvolution")
    symbol, errors = one.symbol(), []
    gradients = one.gradients()

    def work():
        try:
            for _ in range(60):
                grads = {name: mx.nd.zeros(array.shape, dtype="float64") for name, array in one.arrays.items()}
                executor = symbol.bind(mx.cpu(), one.ndarrays(), args_grad=grads)
                executor.forward(is_train=True)
                executor.backward(mx.nd.array(one.out_grad, dtype="float64"))
                np.testing.assert_allclose(grads["offset"].asnumpy(), gradients["offset"], rtol=1e-10, atol=1e-10)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
