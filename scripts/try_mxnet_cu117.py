# SPDX-License-Identifier: Apache-2.0
"""Loads mxnet-cu117 without a driver and compares every operator on the CPU context with the compiled NumPy front.

Started by scripts/try_mxnet_cu117.sh. A stub stands in for libcuda.so.1 only where there is no driver.
"""

from __future__ import annotations

import ctypes
import subprocess
import sys
from pathlib import Path

import numpy as np

# Each needs those before it.
LIBRARIES = """cuda_runtime/lib/libcudart.so.11.0 nvtx/lib/libnvToolsExt.so.1 cublas/lib/libcublasLt.so.11
cublas/lib/libcublas.so.11 cufft/lib/libcufft.so.10 curand/lib/libcurand.so.10 cusparse/lib/libcusparse.so.11
cusolver/lib/libcusolver.so.11 cuda_nvrtc/lib/libnvrtc.so.11.2 nccl/lib/libnccl.so.2 cudnn/lib/libcudnn.so.8""".split()
# What libmxnet.so takes from the driver directly. CUDA_ERROR_NO_DEVICE is 100.
STUBS = """cuDeviceGet cuDevicePrimaryCtxRetain cuGetErrorString cuGraphKernelNodeGetParams cuGraphNodeGetType
cuLaunchKernel cuModuleGetFunction cuModuleLoadData cuModuleLoadDataEx cuModuleUnload""".split()


def load_driver(folder: Path) -> None:
    try:
        ctypes.CDLL("libcuda.so.1")
        print("driver: the machine's own")
    except OSError:
        source = folder / "libcuda_stub.c"
        source.write_text("".join(f"int {name}(void) {{ return 100; }}\n" for name in STUBS))
        target = folder / "libcuda.so.1"
        subprocess.run(["cc", "-shared", "-fPIC", "-Wl,-soname,libcuda.so.1", source, "-o", target], check=True)
        ctypes.CDLL(str(target))
        print("driver: none; a stub stands in for it")


def load_mxnet(folder: Path):
    load_driver(folder)
    (packages,) = folder.glob("lib/python3.*/site-packages/nvidia")
    for name in LIBRARIES:
        ctypes.CDLL(str(packages / name))
    import mxnet

    print(
        f"mxnet {mxnet.__version__}, {mxnet.context.num_gpus()} GPUs, CUDA {mxnet.runtime.Features()['CUDA'].enabled}"
    )
    return mxnet


def sizes(name: str) -> tuple:
    """Shapes of the inputs whose shapes do not follow from others, and attributes."""
    if "Pooling" in name:
        attributes = {"spatial_scale": 0.5, "output_dim": 2, "pooled_size": 3, "group_size": 3}
        return [(2, 18, 9, 8), (4, 5)], {**attributes, "no_trans": True} if name.startswith("Def") else attributes
    if name == "Shift":
        return [(2, 4, 7, 6)], {}
    return [(2, 4, 7, 6)], {"kernel": (3, 3), "num_filter": 6, "pad": (1, 1)}


def draw(random, name: str, shape: tuple):
    if name == "rois":
        corner = random.uniform(0, 6, (shape[0], 2))
        return np.hstack([random.integers(0, 2, (shape[0], 1)), corner, corner + 7]).astype(np.float32)
    return random.uniform(-1, 1, shape).astype(np.float32)


def main(folder: Path) -> None:
    mx = load_mxnet(folder)
    from operators import library
    from operators.for_mxnet import nd
    from operators.for_numpy import Operator

    random = np.random.default_rng(0)
    for name in library.descriptions():
        shapes, attributes = sizes(name)
        operator = Operator(name, **attributes)
        arrays = [draw(random, key, shape) for key, shape in zip(operator.inputs, operator.shapes(*shapes)[0])]
        inputs = [mx.nd.array(array) for array in arrays]
        for array in inputs:
            array.attach_grad()
        with mx.autograd.record():
            out = getattr(nd, name)(*inputs, **attributes)
        head = random.standard_normal(out.shape).astype(np.float32)
        out.backward(mx.nd.array(head))
        np.testing.assert_allclose(out.asnumpy(), operator.forward(*arrays), rtol=1e-5, atol=1e-6)
        for array, want in zip(inputs, operator.backward(head, *arrays)):
            np.testing.assert_allclose(array.grad.asnumpy(), want, rtol=1e-5, atol=1e-6)
        print(f"{name}: output and {len(inputs)} gradients equal those of the NumPy front")
    if mx.context.num_gpus() == 0:
        try:
            mx.nd.zeros((1,), ctx=mx.gpu(0)).wait_to_read()
        except mx.base.MXNetError as error:
            print("an array on mx.gpu(0):", str(error).strip().splitlines()[-1])
    print("cuda library:", library.cuda_library().acn_cuda_architectures().decode()
          if Path(library.CUDA_LIBRARY_PATH).exists() else "none in this build")  # fmt: skip


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
