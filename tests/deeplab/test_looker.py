# SPDX-License-Identifier: Apache-2.0
"""What a Looker takes out of a network with masks and several groups, against the branch computed by hand."""

from __future__ import annotations

from types import SimpleNamespace

import mxnet as mx
import numpy as np
from lib.looking.looker import Looker

from deeplab import symbols
from lib.engines.mxnet.network import Network


def test_offsets_and_masks_of_a_modulated_network_with_two_groups_of_filters(tiny_config_of, tmp_path):
    cfg = tiny_config_of("resnet_v1_101_deeplab_modulated", num_offset_group=2)
    cfg.SCALES, cfg.run.name = [[64, 96]], "masked"
    network = Network(cfg, symbols.get_symbol(cfg, is_train=False), (1, 3, 64, 96))
    random = np.random.default_rng(0)
    for name in ("weight", "bias"):
        parameter = network.params[f"res5a_branch2b_offset_{name}"]
        parameter.set_data(mx.nd.array(1e-4 * random.normal(size=parameter.shape)))
    image = random.integers(0, 256, (32, 48, 3), dtype=np.uint8)
    (path := tmp_path / "parameters").write_bytes(b"only their checksum counts")
    look = Looker(cfg, SimpleNamespace(network=network, epoch=4, path=path)).look(image, "noise")
    assert (look.epoch, look.zoom, look.image.shape, look.prediction.shape) == (4, 2, (64, 96, 3), (64, 96))
    layer, other = look.layers
    assert (layer.name, layer.kind, layer.sets, layer.geometry.size) == ("res5a_branch2b", "modulated", 2, (8, 12))
    assert (other.offset == 0).all() and (other.mask == 1).all()  # untrained: the ordinary convolution

    features = network.symbol.get_internals()["res5a_branch2a_relu_output"]
    part = mx.gluon.SymbolBlock(features, [mx.sym.var("data", dtype="float32")], params=network.block.params)
    data = (look.image - np.array(cfg.network.PIXEL_MEANS)[::-1]).transpose(2, 0, 1)[None]
    weight, bias = (network.params[f"res5a_branch2b_offset_{end}"].data() for end in ("weight", "bias"))
    both = mx.nd.Convolution(part(mx.nd.array(data)), weight, bias, kernel=(3, 3), pad=(1, 1), num_filter=54).asnumpy()[
        0
    ]
    for group in range(2):
        for tap in range(9):
            first = 2 * (9 * group + tap)
            assert np.allclose(layer.offset[group, tap], both[first : first + 2], rtol=1e-4, atol=1e-4)
            assert np.allclose(
                layer.mask[group, tap], 2 / (1 + np.exp(-both[36 + 9 * group + tap])), rtol=1e-4, atol=1e-4
            )
