#!/usr/bin/env bash
# Evaluates a trained network and draws summary.png: ./test.sh CONFIG [--ignore_cache] [key=value ...]
# A network with offsets is evaluated twice: as it is, and with every offset set to 0.
set -euo pipefail
[ ! -f "${1:-}" ] || set -- "$(realpath -s "$1")" "${@:2}"
cd "$(dirname "$0")"
scripts/setup.sh mxnet,deeplab
. scripts/config.sh
.venv/bin/python -m deeplab.test --cfg "$config" --both "$@"
.venv/bin/python -m deeplab.summary --cfg "$config" "${settings[@]}"
