#!/usr/bin/env bash
# Evaluates a trained network and draws summary.png: ./test.sh CONFIG-or-RUN [--ignore_cache] [key=value ...]
# --submission writes what the Cityscapes server takes, of its test pictures, and evaluates nothing.
# A network with offsets is evaluated twice: as it is, and with every offset set to 0.
set -euo pipefail
[ ! -e "${1:-}" ] || set -- "$(realpath -s "$1")" "${@:2}"
cd "$(dirname "$0")"
. scripts/run.sh
case " $* " in *" --help "* | *" -h "*) exec .venv/bin/python -m lib.commands.test --help ;; esac
case " $* " in *" --submission "*) exec .venv/bin/python -m lib.commands.test "$config" "$@" ;; esac
.venv/bin/python -m lib.commands.test "$config" --both "$@"
.venv/bin/python -m lib.commands.summary "$config" "${settings[@]}"
