# SPDX-License-Identifier: Apache-2.0
"""Networks as torch modules, and the door through which PyTorch code reaches the operators."""
