#!/usr/bin/env bash
# Makes .venv, installs this project there with its extras and builds the operators; does nothing where that is done.
#   scripts/setup.sh [EXTRA,...]      default: mxnet; PYTHON=python3.10 scripts/setup.sh chooses the interpreter
set -euo pipefail
cd "$(dirname "$0")/.."
extras=${1:-mxnet}
stamp=.venv/stamp # what was installed from, then one line per extra; written last, so a set-up cut short runs again

installed_from() {
  { find setup.py pyproject.toml operators/rooms.py -type f
    find operators lib -type f \( -name '*.h' -o -name '*.cc' -o -name '*.cu' -o -name '*.cuh' -o -name '*.pyx' \)
  } | sort | xargs sha256sum | { cat; pwd; } | sha256sum | cut -d' ' -f1
}
now=$(installed_from)
have=
if [ -x .venv/bin/python ] && [ -f "$stamp" ] && [ "$(head -n1 "$stamp")" = "$now" ]; then
  have=$(tail -n+2 "$stamp")
  missing=$(comm -23 <(tr ',' '\n' <<<"$extras" | sort) <(sort <<<"$have"))
  [ -n "$missing" ] || exit 0
fi

fits() { "$1" -c 'import sys, venv, ensurepip; sys.exit(not (3, 9) <= sys.version_info[:2] <= (3, 11))' 2>/dev/null; }
if [ ! -x .venv/bin/python ]; then
  python=
  for candidate in ${PYTHON:-python3.11 python3.10 python3.9 python3 python}; do
    if command -v "$candidate" >/dev/null && fits "$candidate"; then
      python=$candidate
      break
    fi
  done
  if [ -z "$python" ]; then
    echo "setup: found no Python 3.9, 3.10 or 3.11 with the venv module (MXNet 1.9.1 runs on no later one)." >&2
    echo "setup: install one (Debian: apt install python3.11-venv) or name it: PYTHON=/path/to/python3.11 $0" >&2
    exit 1
  fi
  echo "setup: making .venv with $("$python" --version)"
  "$python" -m venv .venv
fi
# The operators are compiled here: a compiler that knows the instruction-set levels, and Python's headers.
if ! echo 'int main() {}' | "${CXX:-c++}" -std=c++17 -x c++ - -o /dev/null 2>/dev/null; then
  echo "setup: found no C++17 compiler '${CXX:-c++}' (Debian: apt install g++)." >&2
  exit 1
fi
if [ "$(uname -m)" = x86_64 ] &&
  ! echo 'int main() {}' | "${CXX:-c++}" -march=x86-64-v4 -x c++ - -o /dev/null 2>/dev/null; then
  echo "setup: '${CXX:-c++}' does not know -march=x86-64-v4; GCC 11, clang 12 or later is needed (CXX=g++-12 $0)." >&2
  exit 1
fi
if [ ! -f "$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("include"))')/Python.h" ]; then
  echo "setup: $(.venv/bin/python --version) came without its headers, Python.h (Debian: apt install python3-dev)." >&2
  exit 1
fi

echo "setup: installing with [$extras] and building the operators (some minutes the first time)"
.venv/bin/python -m pip install --quiet --disable-pip-version-check 'pip>=22'
# --no-compile: Python compiles a module when it is first imported; all of them, most never imported, take a minute.
.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-compile --use-pep517 -e ".[$extras]"
{ echo "$now"; { echo "$have"; tr ',' '\n' <<<"$extras"; } | sed '/^$/d' | sort -u; } > "$stamp.new"
mv "$stamp.new" "$stamp"
