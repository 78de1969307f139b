# SPDX-License-Identifier: Apache-2.0
"""Program: meets an error of ours in the way named; prints "raised" when it did and "right" when the next call is."""

from __future__ import annotations

import os
import sys
import tempfile

import mxnet as mx

from operators.for_mxnet import nd

SIZES = {"spatial_scale": 1.0, "output_dim": 2, "pooled_size": 2}


def pool(image: float) -> mx.nd.NDArray:
    return nd.PSROIPooling(mx.nd.ones((1, 8, 6, 6)), mx.nd.array([[image, 0, 0, 3, 3]]), **SIZES)


def fails() -> bool:
    try:
        pool(5).asnumpy()
    except mx.MXNetError as error:
        return "the image of a region" in str(error)
    return False


mode = sys.argv[1]
if mode == "profiler":
    mx.profiler.set_config(profile_all=True, filename=os.path.join(tempfile.mkdtemp(), "profile.json"))
    mx.profiler.set_state("run")
if mode == "fork":
    pending = pool(5)  # a fork waits for it, and cannot raise: the error is printed
    child = os.fork()
    if child == 0:
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
print("raised" if fails() else "silent")
print("right" if (pool(0).asnumpy() == 1).all() else "wrong")
if mode == "exit":
    pending = [pool(5) for _ in range(20)]  # the process ends with these
