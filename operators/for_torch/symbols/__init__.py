# SPDX-License-Identifier: Apache-2.0
"""MXNet's Symbol graphs in PyTorch: what `operators.for_torch.symbol_net` is made of."""
