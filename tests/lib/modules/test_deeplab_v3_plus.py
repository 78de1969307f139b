# SPDX-License-Identifier: Apache-2.0
"""DeepLabv3+ as a module: published sizes and names, strides, its loss worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from lib.config.v3_plus import V3Plus  # noqa: E402
from lib.metrics.log_loss import log_loss  # noqa: E402
from lib.modules.deeplab_v3_plus import DeepLabV3Plus  # noqa: E402
from lib.modules.resnet import resnet101  # noqa: E402

# Qu and Mousavy's slides, and what jfzhang95's code has.
SIZES = {(50, ""): 40_352_181, (50, "extra"): 154_593_717, (101, ""): 59_344_309, (101, "extra"): 173_585_845}


def empty(depth=50, deform="", **more):
    with torch.device("meta"):
        return DeepLabV3Plus(21, depth, backbone={"deform": deform}, **more)


def small(**more):
    torch.manual_seed(0)
    backbone = {"width": 4, **more.pop("backbone", {})}
    return DeepLabV3Plus(5, 10, 8, (2,), backbone, (1, 2), 16, **more).double()


def count(module) -> int:
    return sum(each.numel() for each in module.parameters())


@pytest.mark.parametrize(("depth", "deform"), SIZES)
def test_sizes_are_the_published_ones(depth, deform):
    made = empty(depth, deform)
    assert (count(made), count(made.aspp), count(made.decoder)) == (SIZES[depth, deform], 15_535_104, 1_309_045)


def test_the_control_has_the_same_size_but_for_the_offsets():
    assert count(empty(50, "extra")) - count(empty(50, "plain")) == 3 * 331_776


def _bn(name, channels):
    return {f"{name}.{end}": (channels,) for end in ("weight", "bias", "running_mean", "running_var")}


def test_names_are_those_of_jfzhang95():
    """A state dict as his code saves it loads whole; its backbone is torchvision's without `fc`."""
    head = {
        "aspp.aspp1.atrous_conv.weight": (256, 2048, 1, 1), **_bn("aspp.aspp1.bn", 256),
        **{f"aspp.aspp{number}.atrous_conv.weight": (256, 2048, 3, 3) for number in (2, 3, 4)},
        **_bn("aspp.aspp2.bn", 256), **_bn("aspp.aspp3.bn", 256), **_bn("aspp.aspp4.bn", 256),
        "aspp.global_avg_pool.1.weight": (256, 2048, 1, 1), **_bn("aspp.global_avg_pool.2", 256),
        "aspp.conv1.weight": (256, 1280, 1, 1), **_bn("aspp.bn1", 256),
        "decoder.conv1.weight": (48, 256, 1, 1), **_bn("decoder.bn1", 48),
        "decoder.last_conv.0.weight": (256, 304, 3, 3), **_bn("decoder.last_conv.1", 256),
        "decoder.last_conv.4.weight": (256, 256, 3, 3), **_bn("decoder.last_conv.5", 256),
        "decoder.last_conv.8.weight": (21, 256, 1, 1), "decoder.last_conv.8.bias": (21,),
    }  # fmt: skip
    with torch.device("meta"):
        plain = resnet101(full_model=False).state_dict()
    backbone = {f"backbone.{name}": tuple(value.shape) for name, value in plain.items()}
    have = {name: tuple(value.shape) for name, value in empty(101).state_dict().items()}
    assert {name: shape for name, shape in have.items() if not name.endswith("num_batches_tracked")} == {
        **head, **{name: shape for name, shape in backbone.items() if not name.endswith("num_batches_tracked")}
    }  # fmt: skip


@pytest.mark.parametrize(("stride", "sides", "dilations"), [
    (32, (129, 65, 33, 17), (1, 2, 4)), (16, (129, 65, 33, 33), (2, 4, 8)), (8, (129, 65, 65, 65), (4, 8, 16)),
])  # fmt: skip
def test_maps_and_dilations_by_output_stride(stride, sides, dilations):
    made = empty(50, output_stride=stride)
    found = made.backbone.stages(torch.empty(1, 3, 513, 513, device="meta"))
    assert tuple(each.shape[2] for each in found) == sides
    assert tuple(block.conv2.dilation[0] for block in made.backbone.layer4) == dilations
    assert {block.conv2.dilation[0] for block in made.backbone.layer3} == {2 if stride == 8 else 1}
    assert [getattr(made.aspp, f"aspp{n}").atrous_conv.dilation[0] for n in (1, 2, 3, 4)] == [1, 6, 12, 18]
    strides = [block.conv2.stride[0] for block in made.backbone.layer4]
    assert strides == [2 if stride == 32 else 1, 1, 1]


def test_the_loss_is_deeplabs_mean_over_pixels_with_a_class():
    made, random = small(), np.random.default_rng(1)
    data = torch.from_numpy(random.normal(size=(2, 3, 33, 41)))
    label = torch.from_numpy(random.choice([0.0, 1, 2, 3, 4, 255], (2, 33, 41)))
    found = made.eval()(data, label)
    value, pixels = log_loss(found["probability_output"].detach().numpy(), label.numpy(), 255)
    assert found["loss"].item() == pytest.approx(value / pixels, rel=1e-10) and pixels == (label != 255).sum()
    own = found["scores_output"].softmax(1)
    y, x = 7, 9
    if label[1, y, x] != 255:
        assert found["probability_output"][1, y, x] == own[1, int(label[1, y, x]), y, x]
    assert torch.equal(found["classes_output"], found["scores_output"].argmax(1))
    twice = small(batch_average=True)
    assert twice.eval()(data, label)["loss"].item() == pytest.approx(found["loss"].item() / 2, rel=1e-12)
    nothing = made.train()(data, torch.full_like(label, 255))
    nothing["loss"].backward()
    assert nothing["loss"].item() == 0 and not made.decoder.last_conv[8].weight.grad.any()


def test_zero_offsets_make_the_control():
    """A deformable convolution that has not learnt yet reads inside the map what an ordinary one reads."""
    looks, plain = small(backbone={"deform": "extra", "boundary": "zero"}), small(backbone={"deform": "plain"})
    state = {name: value for name, value in looks.state_dict().items() if "conv_offset" not in name}
    plain.load_state_dict(state)
    data = torch.randn(1, 3, 33, 41, dtype=torch.float64)
    a, b = (each.eval()(data)["scores_output"] for each in (looks, plain))
    torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-12)


def test_frozen_statistics_stay():
    for trains in (True, False):
        made = small(train_bn=trains)
        made.train()(torch.randn(2, 3, 33, 33, dtype=torch.float64), torch.zeros(2, 33, 33))
        assert bool(made.aspp.bn1.running_mean.any()) is trains
        assert made.aspp.dropout.training


def test_what_is_not_served_is_refused():
    with pytest.raises(ValueError, match="output_stride: expected 8, 16 or 32, got 4"):
        small_ = {"num_classes": 5, "depth": 10, "output_stride": 4}
        DeepLabV3Plus(**small_)
    assert V3Plus().looking(None) == []
