#!/usr/bin/env bash
# Trains a network, evaluates it and draws summary.png: ./train.sh [CONFIG [key=value ...]]; CONFIG: quick_acn unless given.
# CONFIG is a YAML file or the name of one in experiments/*/cfgs. On a fresh machine it first sets up everything.
# --workers N [--servers M] [--hosts FILE] trains with several processes (docs/distributed.md).
# What is already there (set-up, data, trained epochs, results) is not made again; an interrupted run goes on.
set -euo pipefail
[ ! -f "${1:-}" ] || set -- "$(realpath -s "$1")" "${@:2}"
cd "$(dirname "$0")"
. scripts/run.sh
case " $* " in
  *" --help "* | *" -h "*) exec .venv/bin/python -m lib.commands.train --help ;;
  *" --workers"*) program=lib.launch ;;
  *) program=lib.commands.train ;;
esac
.venv/bin/python -m "$program" "$config" "$@"
exec ./test.sh "$config" "${settings[@]}"
