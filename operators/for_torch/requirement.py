# SPDX-License-Identifier: Apache-2.0
"""Importing this raises ImportError unless PyTorch is there and new enough."""

from __future__ import annotations

from operators.extras import need

OLDEST = (2, 4)

need("torch", "torch")

import torch  # noqa: E402


def check(version) -> None:
    """version : a torch.torch_version.TorchVersion"""
    if version < OLDEST:
        raise ImportError(f"operators.for_torch needs torch {OLDEST[0]}.{OLDEST[1]} or later, got torch {version}")


check(torch.__version__)
