#!/usr/bin/env bash
# Builds the CUDA library with the CUDA 11.8 runtime, for the GPUs and drivers of mxnet-cu112 and mxnet-cu117: scripts/build_cuda11.sh [sm_70 sm_86 ...]
# No CUDA 11 toolkit is needed: clang compiles, with headers, libraries and ptxas from NVIDIA's wheels on PyPI. Needed:
# clang 16 to 19 (apt-get install clang-19; CLANG names another), python3 with pip, and fatbinary of any CUDA 12 or 13
# (FATBINARY names it; without one it is taken from NVIDIA's wheel). See docs/cuda.md.
set -euo pipefail
cd "$(dirname "$0")/.."

archs=("${@:-}")
[ -n "${archs[0]}" ] || archs=(sm_70 sm_75 sm_80 sm_86 sm_90)
clang=${CLANG:-clang++-19}
python=${PYTHON:-python3}
target=${TARGET:-operators/core/libactive_convnets_cuda.so}
command -v "$clang" >/dev/null || { echo "build_cuda11.sh: $clang is missing: apt-get install clang-19, or set CLANG" >&2; exit 1; }
[ -e operators/core/libactive_convnets.so ] || {
  echo "build_cuda11.sh: build the CPU library first: $python setup.py build_ext --inplace" >&2
  exit 1
}

root=build/cuda11
wheels=$root/wheels
if [ ! -e "$root/complete" ]; then
  rm -rf "$root"
  mkdir -p "$root/bin" "$root/include" "$root/lib64" "$root/nvvm"
  "$python" -m pip install -q --no-deps --target "$wheels" nvidia-cuda-runtime-cu11==11.8.89 \
    nvidia-cuda-nvcc-cu11==11.8.89 nvidia-cuda-cccl-cu11==11.8.89 nvidia-curand-cu11==10.3.0.86
  n=$PWD/$wheels/nvidia
  for headers in "$n"/{cuda_runtime,cuda_nvcc,cuda_cccl,curand}/include; do
    cp -rsf "$headers/." "$root/include/"
  done
  ln -s "$n/cuda_nvcc/bin/ptxas" "$root/bin/ptxas"
  chmod +x "$n/cuda_nvcc/bin/ptxas"
  ln -s "$n/cuda_nvcc/nvvm/libdevice" "$root/nvvm/libdevice"
  for library in "$n"/cuda_runtime/lib/*; do ln -s "$library" "$root/lib64/"; done
  ln -sf libcudart.so.11.0 "$root/lib64/libcudart.so"
  if [ -z "${FATBINARY:-}" ]; then
    FATBINARY=$(command -v fatbinary || ls /usr/local/cuda/bin/fatbinary 2>/dev/null || true)
  fi
  if [ -z "$FATBINARY" ]; then
    "$python" -m pip install -q --no-deps --target "$root/nvcc13" nvidia-cuda-nvcc==13.0.88
    FATBINARY=$PWD/$root/nvcc13/nvidia/cu13/bin/fatbinary
    chmod +x "$FATBINARY"
  fi
  # clang speaks CUDA 11's fatbinary (--image=profile=sm_70,file=F); later ones want --image3=kind=elf,sm=70,file=F.
  cat >"$root/bin/fatbinary" <<WRAPPER
#!/usr/bin/env bash
arguments=()
for argument in "\$@"; do
  case \$argument in
    --image=profile=sm_*) argument=\${argument/--image=profile=sm_/--image3=kind=elf,sm=} ;;
    --image=profile=compute_*) argument=\${argument/--image=profile=compute_/--image3=kind=ptx,sm=} ;;
  esac
  arguments+=("\$argument")
done
exec "$FATBINARY" "\${arguments[@]}"
WRAPPER
  chmod +x "$root/bin/fatbinary"
  touch "$root/complete"
fi

flags=(-x cuda "--cuda-path=$root" -std=c++17 -O3 -fPIC -fvisibility=hidden -Wno-unknown-cuda-version)
for arch in "${archs[@]}"; do flags+=("--cuda-gpu-arch=$arch"); done
names="${archs[*]} ${archs[*]/sm_/compute_}" # clang adds PTX for each
flags+=("-DACN_CUDA_ARCHITECTURES=\"$names\"" "-DACN_ABI=\"$("$python" operators/core/abi.py)\"")

rooms=$("$python" -c 'import runpy; print(*runpy.run_path("operators/rooms.py")["ROOMS"])')
objects=()
mkdir -p "$root/objects"
for source in operators/core/cuda/*/*.cu $(printf 'operators/%s/cuda.cu ' $rooms); do
  object=$root/objects/${source//\//_}.o
  echo "$source"
  "$clang" "${flags[@]}" -c "$source" -o "$object"
  objects+=("$object")
done
runtime=(-lcudart) # the one that MXNet loads
[ ! -e "$root/lib64/libcudart_static.a" ] || runtime=(-lcudart_static -lrt)
"$clang" -shared "${objects[@]}" -o "$target" -Loperators/core \
  -l:libactive_convnets.so "-L$root/lib64" "${runtime[@]}" -ldl -lpthread -Wl,-rpath,'$ORIGIN' \
  -Wl,--exclude-libs,ALL -Wl,--no-undefined
echo "built $target with the CUDA 11.8 runtime for $names"
