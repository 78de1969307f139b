#!/usr/bin/env bash
# Trains a network, evaluates it and draws summary.png: ./train.sh [CONFIG [key=value ...]]; CONFIG: quick_acn unless given.
# CONFIG is a YAML file or the name of one in experiments/deeplab/cfgs. On a fresh machine it first sets up everything.
# --workers N [--servers M] [--hosts FILE] trains with several processes (docs/distributed.md).
# What is already there (set-up, data, trained epochs, results) is not made again; an interrupted run goes on.
set -euo pipefail
[ ! -f "${1:-}" ] || set -- "$(realpath -s "$1")" "${@:2}"
cd "$(dirname "$0")"
scripts/setup.sh mxnet,deeplab
. scripts/config.sh
program=deeplab.train
case " $* " in *" --workers"*) program=deeplab.launch ;; esac
.venv/bin/python -m "$program" --cfg "$config" "$@"
exec ./test.sh "$config" "${settings[@]}"
