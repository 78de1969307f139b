# SPDX-License-Identifier: Apache-2.0
"""A map searched with filters that another picture made (Li et al. 2018, Siamese RPN, CVPR)."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import conv2d


def up_channel_correlation(searched: Tensor, kernels: Tensor) -> Tensor:
    """Each picture of a batch under its own filters: (N, C, H, W), (N, O * C, h, w) -> (N, O, H - h + 1, W - w + 1).

    Channel o * C + c of `kernels` is what filter o has for channel c. It is the sum of products of `conv2d`, without
    padding. Raises ValueError if the channels do not fit.
    """
    count, channels, height, width = searched.shape
    if kernels.shape[0] != count or kernels.shape[1] % channels:
        raise ValueError(
            f"kernels: expected ({count}, a multiple of {channels}, h, w) for a map {tuple(searched.shape)}, "
            f"got {tuple(kernels.shape)}"
        )
    filters = kernels.reshape(-1, channels, *kernels.shape[2:])
    found = conv2d(searched.reshape(1, count * channels, height, width), filters, groups=count)
    return found.reshape(count, -1, *found.shape[2:])
