# SPDX-License-Identifier: Apache-2.0
"""A trained network that turns pictures into maps of train ids."""

from __future__ import annotations

import mxnet as mx
import numpy as np

from deeplab import symbols
from deeplab.core import checkpoint, params
from deeplab.core.devices import contexts
from deeplab.core.folder import prefix
from deeplab.core.network import Network
from deeplab.dataset import pictures


class Predictor:
    """The network of `cfg` with the parameters of one epoch, on the first device of cfg.gpus.

    epoch: complete epochs of training; 0 takes TEST.test_epoch and, if that is 0 too, the last one.
    zero_offsets: every offset is set to 0, so that active and deformable convolutions look at their regular grid.
    Raises FileNotFoundError if there is no such checkpoint, ValueError if it is of another network or, with
    zero_offsets, if the network has no offsets.

    path: the .params file. epoch: its number. network: the `Network`.
    """

    def __init__(self, cfg, epoch: int = 0, zero_offsets: bool = False):
        last = (checkpoint.complete_epochs(prefix(cfg)) or [0])[-1]
        self.epoch = epoch or cfg.TEST.test_epoch or last
        self.path = checkpoint.find(prefix(cfg), self.epoch)
        self._cfg, self._device = cfg, contexts(cfg)[0]
        self.network = Network(cfg, symbols.get_symbol(cfg, is_train=False), (1, 3, *cfg.SCALES[0]), self._device)
        arg, aux = params.load(self.path)
        if zero_offsets and not set_offsets_zero(arg, cfg.net.num_offset_group * cfg.net.num_deformable_group):
            raise ValueError(f"--zero_offsets: the network {cfg.symbol} has no offsets")
        self.network.load(arg, aux)

    def train_ids(self, data: np.ndarray) -> np.ndarray:
        """uint8 (N, h, w), the most probable class of each pixel of float32 (N, 3, h, w) from `to_tensor`."""
        probability = self.network.block(mx.nd.array(data, ctx=self._device))
        return mx.nd.argmax(probability, axis=1).asnumpy().astype(np.uint8)

    def picture(self, image: np.ndarray) -> np.ndarray:
        """Train ids, uint8 (h, w), of a picture, uint8 (h, w, 3) RGB of any size; the network sees it under SCALES."""
        size = pictures.scaled_size(*image.shape[:2], self._cfg.SCALES)
        data = pictures.to_tensor(pictures.resize_image(image, size), self._cfg)
        return pictures.resize_label(self.train_ids(data[None])[0], image.shape[:2])


def has_offsets(names) -> bool:
    """Whether a network with parameters of these names learns where to look."""
    return any(name.endswith(("_offset", "_offset_weight")) for name in names)


def set_offsets_zero(arg: dict[str, np.ndarray], offset_sets: int) -> list[str]:
    """Sets the offsets in `arg` to 0, in place, and gives the names of what was changed.

    Learned offsets become 0; of the convolutions that predict offsets, the weights and biases do, but not the part
    that predicts the masks of a modulated convolution (its filters come after the 2*9*offset_sets of the offsets).
    """
    changed = []
    for name in arg:
        if name.endswith("_offset"):
            arg[name] = np.zeros_like(arg[name])
        elif name.endswith(("_offset_weight", "_offset_bias")):
            arg[name] = arg[name].copy()
            arg[name][: 2 * 9 * offset_sets] = 0
        else:
            continue
        changed.append(name)
    return changed
