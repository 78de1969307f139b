# SPDX-License-Identifier: Apache-2.0
"""Correctness and speed of the CUDA kernels through PyTorch: python -m operators.gpu_suite (docs/pytorch.md).

Needs a GPU, any recent torch, any NumPy, and a build with CUDA; no MXNet. Compares with torchvision
where that is installed.
"""
