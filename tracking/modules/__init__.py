# SPDX-License-Identifier: Apache-2.0
"""The networks' features, a file each. The torch module is lib.modules.siamese_tracker; here stands what must be known
of it without PyTorch."""

from __future__ import annotations

from tracking.modules import siamese_alexnet, siamese_resnet

NETWORKS = {"siamese_alexnet": siamese_alexnet, "siamese_resnet": siamese_resnet}
"""By cfg.symbol."""
