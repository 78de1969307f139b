#!/usr/bin/env bash
# Makes build/on_gpu, which scripts/on_gpu.sh needs on a machine without network, MXNet and compiler:
#   scripts/on_gpu_pack.sh [PYTHON-VERSION of that machine, default 3.12 [PACKAGE ...]]
# PACKAGE: what that machine lacks of matplotlib contourpy cycler kiwisolver packaging pyparsing python-dateutil six.
# The libraries themselves must be built here before, with CUDA (scripts/setup.sh mxnet,deeplab,torch where nvcc is found).
set -euo pipefail
cd "$(dirname "$0")/.."
version=${1:-3.12}
shift $(($# ? 1 : 0))
[ -e operators/core/libactive_convnets_cuda.so ] || { echo "on_gpu_pack: no CUDA library here: nvcc must be in PATH when the operators are built" >&2; exit 1; }
site=build/on_gpu/site
rm -rf build/on_gpu build/graphs
mkdir -p "$site"
pip=(.venv/bin/python -m pip install --quiet --disable-pip-version-check --target "$site" --upgrade)
"${pip[@]}" --only-binary=:all: --python-version "$version" --implementation cp --platform manylinux2014_x86_64 --platform manylinux_2_28_x86_64 \
  --no-deps pyyaml pillow tqdm "$@"
"${pip[@]}" --no-deps omegaconf==2.3.0 antlr4-python3-runtime==4.9.3 cityscapesScripts==2.3.0 # pure Python
find "$site" -name '__pycache__' -prune -exec rm -rf {} +
rm -rf "$site"/cityscapesscripts/{annotation,viewer} "$site"/matplotlib/tests # programs with windows; a sixth of all
.venv/bin/python -m deeplab.graphs quick_acn quick_dcn
for name in dcn acn; do
  .venv/bin/python -m deeplab.graphs "deeplab_resnet_v1_101_cityscapes_segmentation_$name"
done
.venv/bin/python -m detection.graphs rfcn/resnet_v1_101_voc0712_rfcn_{dcn,lsdfn}_end2end_ohem
.venv/bin/python -m classify.graphs scaled/{plain,dcn_4,dcn_34,v2_4,v2_34,active_4,active_34}
du -sh build/on_gpu build/graphs operators/core/*.so
echo "carry: build/on_gpu build/graphs $(echo operators/core/*.so operators/for_numpy/front.abi3.so lib/boxes/core.abi3.so)"
