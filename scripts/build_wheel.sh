#!/usr/bin/env bash
# Builds dist/active_convnets-*.whl, for this Python and machine; what it is installed on needs no compiler. It holds the
# operators; lib and the systems run from a checkout.
#   scripts/build_wheel.sh [pip wheel's options]
# PYTHON=python3.10 chooses the interpreter (default: .venv's). ACTIVE_CONVNETS_CUDA=0 leaves the CUDA library out where
# there is an nvcc.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-.venv/bin/python}
# From a clean copy: libraries that were built in place, perhaps by another Python, must not get in.
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
tar -cf - --exclude='*.so' --exclude='__pycache__' setup.py pyproject.toml MANIFEST.in README.md LICENSE operators |
  tar -xf - -C "$copy"
mkdir -p dist
"$python" -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir "$copy/dist" "$@" "$copy"
for wheel in "$copy"/dist/active_convnets-*.whl; do
  cp "$wheel" "dist/.${wheel##*/}"
  mv "dist/.${wheel##*/}" "dist/${wheel##*/}" # whole or not at all
  echo "dist/${wheel##*/}"
done
