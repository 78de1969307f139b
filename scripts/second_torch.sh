#!/usr/bin/env bash
# Tests the PyTorch front where programs of today live: in an environment of its own, .venv-torch, with a torch newer than
# ./check.sh's, NumPy 2, torchvision and the ONNX exporter. The wheel of scripts/build_wheel.sh is installed there and runs
# README's PyTorch example; the tests run on this checkout, whose operators must be built (scripts/setup.sh, any Python).
#   scripts/second_torch.sh [pytest arguments]      default: everything that knows PyTorch alone
# PYTHON=python3.13 chooses the interpreter (default: python3.12). The package index's torch holds CUDA and some GB of
# libraries; PIP_INDEX_URL and the like may name another source.
set -euo pipefail
cd "$(dirname "$0")/.."
python=.venv-torch/bin/python
if [ ! -x "$python" ]; then
  "${PYTHON:-python3.12}" -m venv .venv-torch
fi
"$python" -m pip install --quiet --disable-pip-version-check \
  torch==2.14.1 torchvision==0.29.1 onnx==1.23.2 onnxscript==0.7.2 onnxruntime==1.32.0 'numpy>=2,<3' \
  'pytest>=8,<10' 'hypothesis>=6.100,<7'

wheel=$(PYTHON=$python scripts/build_wheel.sh)
"$python" -m pip install --quiet --disable-pip-version-check --force-reinstall --no-deps "$wheel"
"$python" -I - README.md <<'END' # -I: nothing of the checkout is imported
import re, sys

import numpy, torch

(example,) = (block for block in re.findall(r"```python\n(.*?)```", open(sys.argv[1]).read(), re.DOTALL) if "import torch" in block)
exec(example)
import operators

assert operators.__file__.startswith(sys.prefix), operators.__file__
print(f"README's example ran from {sys.prefix}: Python {sys.version.split()[0]}, torch {torch.__version__}, NumPy {numpy.__version__}")
END

export OMP_WAIT_POLICY=passive PYTHONPATH=$PWD
[ $# -gt 0 ] || set -- tests/operators/for_torch
exec "$python" -m pytest "$@"
