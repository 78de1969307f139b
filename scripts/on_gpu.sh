#!/usr/bin/env bash
# Everything that a GPU has to tell, in nine minutes, on a bare machine: scripts/on_gpu.sh OUT [PART ...]
# Needs Linux, an NVIDIA GPU, Python with PyTorch, NumPy and matplotlib, and what scripts/on_gpu_pack.sh says is to be carried
# (no network, no MXNet, no compiler). Writes OUT/PART.log and OUT/*.json as it goes: a run that is cut off still tells what it had.
# Parts, in this order: smallest sanitize correctness speed step train; each has its own time limit. REHEARSE=1: on a CPU.
# Only when named: detector, steps of R-FCN with deformable layers and with dynamic filters; digits, the published rows on
# digits at many scales, half an hour; needs data/mnist.
set -uo pipefail
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || { sed -n '2,7s/^# //p' "$0"; exit 2; }
mkdir -p "$1" || exit 1
out=$(realpath "$1")
shift
parts=${*:-smallest sanitize correctness speed step train}
python=${PYTHON:-python3}
export PYTHONPATH="$PWD:$PWD/build/on_gpu/site${PYTHONPATH:+:$PYTHONPATH}"
export OMP_WAIT_POLICY=passive
gpus=0
rehearse=
[ -z "${REHEARSE:-}" ] || { gpus='' && rehearse=--rehearse; }

run() { # run PART SECONDS COMMAND...: its words go to OUT/PART.log; status and seconds to OUT/parts.txt
  local part=$1 limit=$2 begin=$SECONDS status
  shift 2
  timeout --kill-after=5 "$limit" "$@" >>"$out/$part.log" 2>&1
  status=$?
  echo "$part status $status $((SECONDS - begin)) s of $limit: $*" | tee -a "$out/parts.txt"
}

# All that parts need, before any time is spent: what was not carried along is named here.
"$python" -c 'import torch, operators.for_numpy, lib.extra, lib.boxes.core' || { echo "on_gpu: that must be there first" >&2; exit 1; }

{ date -u; nvidia-smi; "$python" -m operators doctor; } >"$out/machine.log" 2>&1
for part in $parts; do
  case $part in
    smallest) run smallest 60 "$python" -m operators.gpu_suite --only smallest --out "$out/smallest.json" $rehearse ;;
    sanitize)
      for tool in memcheck racecheck; do
        if sanitizer=$(command -v compute-sanitizer || ls /usr/local/cuda/bin/compute-sanitizer 2>/dev/null); then
          run "sanitize" 60 "$sanitizer" --tool "$tool" "$python" -m operators.gpu_suite --only smallest --out "$out/$tool.json"
        else
          echo "$tool skipped: compute-sanitizer is not here" | tee -a "$out/parts.txt"
        fi
      done
      ;;
    correctness) run correctness 120 "$python" -m operators.gpu_suite --only correctness --out "$out/correctness.json" $rehearse ;;
    speed) run speed 120 "$python" -m operators.gpu_suite --only speed --samples 7 --out "$out/speed.json" $rehearse ;;
    step) run step 90 "$python" -m benchmarks.gpu_step --gpus "$gpus" --out "$out/step.json" $rehearse ;;
    detector)
      run detector 90 "$python" -m benchmarks.gpu_step --networks rfcn_dcn rfcn_lsdfn --images 1 2 --gpus "$gpus" --out "$out/detector.json" $rehearse
      ;;
    train)
      for name in quick_acn quick_dcn; do
        settings=(engine=torch "gpus=$gpus" "output_path=$out/runs" run.name=$name)
        [ -z "$rehearse" ] || settings+=(TRAIN.end_epoch=1 'SCALES=[64,96]')
        run train 60 "$python" -m lib.commands.train $name "${settings[@]}"
        run train 20 "$python" -m lib.commands.test $name "${settings[@]}" --both
      done
      ;;
    digits)
      for name in plain dcn_4 dcn_34 v2_4 v2_34 active_4 active_34; do
        settings=(engine=torch "gpus=$gpus" "output_path=$out/scaled" "run.name=$name")
        [ -z "$rehearse" ] || settings+=(dataset.train_images=64 dataset.test_images=100 TRAIN.end_epoch=1)
        run digits 600 "$python" -m lib.commands.train "scaled/$name" "${settings[@]}"
        run digits 120 "$python" -m lib.commands.test "scaled/$name" "${settings[@]}" --both
      done
      ;;
    *) echo "there is no part $part" >&2 && exit 2 ;;
  esac
done
echo "all parts asked for have run; see $out/parts.txt"
