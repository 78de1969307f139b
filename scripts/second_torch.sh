#!/usr/bin/env bash
# Tests the PyTorch front in a second environment, .venv-torch: newer than the one that ./check.sh has, with NumPy 2,
# torchvision and what torch.onnx.export needs, none of which stands beside MXNet.
#   scripts/second_torch.sh [pytest arguments]      default: everything that knows PyTorch alone
# PYTHON=python3.12 chooses the interpreter; the operators must be built here (scripts/setup.sh), by any Python.
# The package index's torch holds CUDA and some GB of libraries; PIP_INDEX_URL and the like may name another source.
set -euo pipefail
cd "$(dirname "$0")/.."
if [ ! -x .venv-torch/bin/python ]; then
  "${PYTHON:-.venv/bin/python}" -m venv .venv-torch
fi
.venv-torch/bin/python -m pip install --quiet --disable-pip-version-check \
  torch==2.14.1 torchvision==0.29.1 onnx==1.23.2 onnxscript==0.7.2 onnxruntime==1.32.0 'numpy>=2,<3' \
  'pytest>=8,<10' 'hypothesis>=6.100,<7'
export OMP_WAIT_POLICY=passive PYTHONPATH=$PWD
[ $# -gt 0 ] || set -- tests/operators/for_torch
exec .venv-torch/bin/python -m pytest "$@"
