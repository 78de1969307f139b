# SPDX-License-Identifier: Apache-2.0
"""What a Looker takes out of a network with masks and several groups, against the branch computed by hand."""

from __future__ import annotations

import mxnet as mx
import numpy as np
from trainings import engine_of

from deeplab.looker import Looker
from deeplab.predictor import Predictor
from lib.engines import open_engine


def test_offsets_and_masks_of_a_modulated_network_with_two_groups_of_filters(tiny_config_of):
    cfg = tiny_config_of("resnet_v1_101_deeplab_modulated", num_offset_group=2)
    cfg.SCALES, cfg.run.name = [[64, 96]], "masked"
    random = np.random.default_rng(0)
    arg, aux = engine_of(cfg, is_train=False).parameters()
    for name in ("weight", "bias"):
        key = f"res5a_branch2b_offset_{name}"
        arg[key] = (1e-4 * random.normal(size=arg[key].shape)).astype(np.float32)
    image = random.integers(0, 256, (32, 48, 3), dtype=np.uint8)
    predictor = Predictor(cfg, open_engine(cfg), arg, aux)
    predictor.epoch, predictor.digest = 4, "its checksum"
    look = Looker(cfg, predictor).look(image, "noise")
    assert look.checkpoint == "its checksum"
    assert (look.epoch, look.zoom, look.image.shape, look.prediction.shape) == (4, 2, (64, 96, 3), (64, 96))
    layer, other = look.layers
    assert (layer.name, layer.kind, layer.sets, layer.geometry.size) == ("res5a_branch2b", "modulated", 2, (8, 12))
    assert (other.offset == 0).all() and (other.mask == 1).all()  # untrained: the ordinary convolution

    data = (look.image - np.array(cfg.network.PIXEL_MEANS)[::-1]).transpose(2, 0, 1)[None]
    features = predictor.engine.compute({"data": data}, ["res5a_branch2a_relu_output"])["res5a_branch2a_relu_output"]
    weight, bias = (mx.nd.array(arg[f"res5a_branch2b_offset_{end}"]) for end in ("weight", "bias"))
    both = mx.nd.Convolution(mx.nd.array(features), weight, bias, kernel=(3, 3), pad=(1, 1), num_filter=54).asnumpy()[0]
    for group in range(2):
        for tap in range(9):
            first = 2 * (9 * group + tap)
            assert np.allclose(layer.offset[group, tap], both[first : first + 2], rtol=1e-4, atol=1e-4)
            assert np.allclose(
                layer.mask[group, tap], 2 / (1 + np.exp(-both[36 + 9 * group + tap])), rtol=1e-4, atol=1e-4
            )
