#!/usr/bin/env bash
# Builds the operator library with sanitizers and drives it with random calls: scripts/sanitize.sh [--minutes M] [--seed N] [--quick] [asan] [tsan]
# asan: AddressSanitizer and UndefinedBehaviorSanitizer; tsan: ThreadSanitizer, several callers at once. Both drive the CUDA
# kernels' host build too; under tsan its bodies run in threads, so that a missing atomic addition is a race that is seen.
# Default: both, half of the time each (2 minutes in all, and building), from a seed of the clock; asan at each level of
# instruction set that the machine has. --quick: at the best one alone, what is not vectorized built without optimisation;
# that takes a third of the building.
# A finding ends it with a report and the seed: build/sanitize/asan/fuzz (asan-quick/ under --quick) --seed N --cases 1 tries that one again.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-.venv/bin/python}
compiler=${CXX:-c++}
minutes=2 seed=$(date +%s)000000 quick="" kinds=()
while [ $# -gt 0 ]; do
  case $1 in
    --minutes) minutes=${2-}; shift; shift || true ;;
    --seed) seed=${2-}; shift; shift || true ;;
    --quick) quick=-quick; shift ;;
    asan | tsan) kinds+=("$1"); shift ;;
    *) echo "usage: scripts/sanitize.sh [--minutes M] [--seed N] [--quick] [asan] [tsan]" >&2; exit 2 ;;
  esac
done
[ ${#kinds[@]} -gt 0 ] || kinds=(asan tsan)
[[ $minutes =~ ^[0-9]+(\.[0-9]+)?$ ]] || { echo "scripts/sanitize.sh: --minutes must be a number, got '$minutes'" >&2; exit 2; }
[[ $seed =~ ^[0-9]+$ ]] || { echo "scripts/sanitize.sh: --seed must be a whole number, got '$seed'" >&2; exit 2; }

rooms=$("$python" -c 'import runpy; print(*runpy.run_path("operators/rooms.py")["ROOMS"])')
abi=$("$python" operators/core/abi.py)
levels=(v2)
[ "$(uname -m)" != x86_64 ] || levels=(v2 v3 v4)
driven=("${levels[@]}")
[ -z "$quick" ] || driven=("$("$python" -c 'from operators.library import instruction_set as best; print(best())')")

sanitizer() { [ "$1" = asan ] && echo -fsanitize=address,undefined || echo -fsanitize=thread; }

for kind in "${kinds[@]}"; do
  echo 'int main() {}' | $compiler -x c++ - "$(sanitizer "$kind")" -o /dev/null ||
    { echo "scripts/sanitize.sh: $compiler lacks what $kind runs on (libasan, libubsan, libtsan: parts of Debian's g++)" >&2; exit 1; }
done

newest_header() { find "$@" -name '*.h' -printf '%T@ %p\n' | sort -n | tail -n1 | cut -d' ' -f2-; }

# compile FOLDER FLAGS...: reads lines "object source flags..." and compiles what is older than its source or any header.
compile() {
  local folder=$1
  shift
  mkdir -p "$folder"
  local library fuzzer newest object source extra
  library=$(newest_header operators) fuzzer=$(newest_header operators tests/operators/fuzz)
  while read -r object source extra; do
    object=$folder/$object.o newest=$library
    case $source in tests/*) newest=$fuzzer ;; esac
    [ "$object" -nt "$source" ] && [ "$object" -nt "$newest" ] && continue
    # shellcheck disable=SC2086
    printf '%s\0' "$compiler $* $extra -c $source -o $object"
  done | xargs -0 -r -P "${JOBS:-$(nproc)}" -I{} ${EACH:-} sh -c '{}'
}

sources() { # each with its flags
  local source each flags
  for source in operators/core/*/*.cc $(printf 'operators/%s/*.cc ' $rooms) operators/for_mxnet/*.cc tests/operators/fuzz/*.cc; do
    case $source in
      operators/core/simd/table.cc | tests/operators/fuzz/cuda_front.cc) ;;
      *) echo "${source//\//_} $source -ffp-contract=off" ;;
    esac
  done
  for each in "${levels[@]}"; do # those that will not run need no more than to be there
    flags=""
    [[ " ${driven[*]} " == *" $each "* ]] || flags="-O0 -fno-sanitize=all"
    [ ${#levels[@]} -eq 1 ] || flags+=" -march=x86-64-$each"
    echo "table_$each operators/core/simd/table.cc -DACN_LEVEL=$each -O1 $flags"
  done
  for source in operators/core/cuda/*/*.cu $(printf 'operators/%s/cuda.cu ' $rooms) operators/core/cuda/host_shim/device.cc tests/operators/fuzz/cuda_front.cc; do
    case ${source##*/} in
      device.cu | own_stream.cu) ;; # host_shim/ has its own
      *) echo "${source//\//_} $source -ffp-contract=off -DACN_CUDA_ON_HOST" ;;
    esac
  done
}

for kind in "${kinds[@]}"; do
  flags="-x c++ -std=c++17 $([ -n "$quick" ] && echo -O0 || echo -O1) -g -fno-omit-frame-pointer -fopenmp-simd -DACN_ABI='\"$abi\"'"
  callers=1
  case $kind in
    asan) flags+=" -fsanitize=float-cast-overflow -fno-sanitize-recover=all" ;;
    tsan) flags+=" -DACN_HOST_THREADS=3" callers=3 ;;
  esac
  flags+=" $(sanitizer "$kind")" folder=build/sanitize/$kind$quick
  sources | compile "$folder" "$flags"
  linked=$(sanitizer "$kind")
  blas=libcublas_on_host.so
  $compiler -std=c++17 -O1 -g "$linked" -fPIC -shared -Wl,-soname,$blas operators/core/cuda/host_shim/cublas.cc -o "$folder/$blas"
  # shellcheck disable=SC2046
  $compiler "$linked" $(sources | sed "s|^\([^ ]*\) .*|$folder/\1.o|") \
    -Wl,--no-as-needed "$folder/$blas" -Wl,-rpath,"$PWD/$folder" -ldl -pthread -o "$folder/fuzz"
  share=$("$python" -c "print($minutes / ${#kinds[@]})")
  export ASAN_OPTIONS=allocator_may_return_null=1:detect_leaks=1 UBSAN_OPTIONS=print_stacktrace=1 TSAN_OPTIONS=halt_on_error=1
  if [ "$kind" = asan ]; then # each level that this machine has gets its part
    known=()
    for each in "${driven[@]}"; do
      ! ACTIVE_CONVNETS_ISA=$each "$folder/fuzz" --cases 1 >/dev/null 2>&1 || known+=("$each")
    done
    [ ${#known[@]} -gt 0 ] || { echo "scripts/sanitize.sh: one case failed, or this machine has none of ${driven[*]}" >&2; exit 1; }
    share=$("$python" -c "print($share / ${#known[@]})")
    for each in "${known[@]}"; do
      echo "sanitize: $kind, $each"
      ACTIVE_CONVNETS_ISA=$each "$folder/fuzz" --minutes "$share" --seed "$seed"
      seed=$((seed + 100000000))
    done
  else
    echo "sanitize: $kind"
    "$folder/fuzz" --minutes "$share" --seed "$seed" --callers $callers
  fi
done
