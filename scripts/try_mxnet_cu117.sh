#!/usr/bin/env bash
# Installs mxnet-cu117 with its CUDA 11.8 parts (about 5 GB) and a stub driver, and runs the operators through it on the CPU: scripts/try_mxnet_cu117.sh [folder of the environment]
# It shows that the library registers with MXNet's CUDA wheel and computes beside it, and what a GPU array is told where
# there is no GPU. Kernels are not run: that takes a GPU of compute capability 5.0 to 8.6 and no stub (docs/cuda.md).
set -euo pipefail
cd "$(dirname "$0")/.."

env=${1:-.venv-cu117}
if [ ! -x "$env/bin/python" ]; then
  python=${PYTHON:-python3}
  if ! "$python" -c 'import sys, venv, ensurepip; sys.exit(not (3, 9) <= sys.version_info[:2] <= (3, 11))' 2>/dev/null; then
    echo "try_mxnet_cu117: $python is not Python 3.9, 3.10 or 3.11 with the venv module (MXNet 1.9.1 runs on no later one)." >&2
    echo "try_mxnet_cu117: name one: PYTHON=/path/to/python3.11 $0" >&2
    exit 1
  fi
  "$python" -m venv "$env"
fi
"$env/bin/python" -m pip install -q "numpy==1.23.5" "mxnet-cu117==1.9.1" cython "setuptools<81" wheel \
  nvidia-cublas-cu11==11.11.3.6 nvidia-cudnn-cu11==8.9.6.50 nvidia-nccl-cu11==2.21.5 \
  nvidia-cuda-runtime-cu11==11.8.89 nvidia-cufft-cu11==10.9.0.58 nvidia-curand-cu11==10.3.0.86 \
  nvidia-cusolver-cu11==11.4.1.48 nvidia-cusparse-cu11==11.7.5.86 nvidia-nvtx-cu11==11.8.86 \
  nvidia-cuda-nvrtc-cu11==11.8.89
[ -e operators/core/libactive_convnets.so ] || "$env/bin/python" setup.py -q build_ext --inplace
PYTHONPATH=$PWD exec "$env/bin/python" scripts/try_mxnet_cu117.py "$env"
