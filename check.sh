#!/usr/bin/env bash
# Sets up .venv and runs every check: formatting, lint, types, the sanitizer, all tests. ./check.sh [pytest arguments]
set -euo pipefail
cd "$(dirname "$0")"
scripts/setup.sh mxnet,deeplab,detection,torch,sweeps,tests
if [ $# -eq 0 ]; then # a whole check, not one of some tests; the sanitizer runs beside all others
  mkdir -p build
  scripts/sanitize.sh --minutes 2 --quick asan >build/sanitize.log 2>&1 &
  sanitizer=$!
  trap 'kill "$sanitizer" 2>/dev/null || true' EXIT
fi
.venv/bin/ruff check .
.venv/bin/ruff format --check .
.venv/bin/mypy
find operators -name '*.h' -print0 -o -name '*.cc' -print0 -o -name '*.cu' -print0 | xargs -0 .venv/bin/clang-format --dry-run -Werror
export OMP_WAIT_POLICY=passive # waiting threads that spin slow the tests of small operations several times
# Most tests keep one core busy, so two processes share the files; what a file prepares, one of them prepares.
.venv/bin/python -m pytest -n 2 --dist loadfile "$@"
if [ $# -eq 0 ]; then
  found=0
  wait "$sanitizer" || found=$?
  cat build/sanitize.log
  [ "$found" -eq 0 ] || exit "$found"
  trap - EXIT
fi
