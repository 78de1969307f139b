# SPDX-License-Identifier: Apache-2.0
"""The Siamese RPN: sizes, correlation, that a shifted target gives a shifted answer, and what cropping is for."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from lib.boxes import anchors  # noqa: E402
from lib.modules import resnet  # noqa: E402
from lib.modules.correlation import up_channel_correlation  # noqa: E402
from lib.modules.deforming import Settings  # noqa: E402
from lib.modules.pair_loss import pair_losses, per_anchor  # noqa: E402
from lib.modules.siamese_alexnet import SiameseAlexNet  # noqa: E402
from lib.modules.siamese_resnet import SiameseResNet  # noqa: E402
from lib.modules.siamese_rpn import SiameseRPN  # noqa: E402


def parameters(model) -> int:
    return sum(each.numel() for each in model.parameters())


def made(name: str, **settings) -> torch.nn.Module:
    return SiameseResNet(getattr(resnet, name)(full_model=False, **settings))


def test_the_original_has_21475136_parameters_of_which_it_uses_21352256():
    with torch.device("meta"):
        whole, used = (SiameseRPN(SiameseAlexNet(Settings()), unused=unused) for unused in (True, False))
    assert parameters(whole.features) == 2_469_696
    assert (parameters(whole), parameters(used)) == (21_475_136, 21_352_256)
    names = {name.rpartition(".")[0] for name, _ in whole.named_parameters()}
    assert names == {*(f"features.{n}" for n in (0, 3, 6, 8, 10)), "conv1", "conv2", "conv3", "conv4", "cconv", "rconv"}


@pytest.mark.parametrize(
    "name, deform, features",
    [
        ("resnet18", "", 11_176_512),
        ("resnet18", "extra", 16_060_992),
        ("resnet18", "plain", 11_176_512 + 2 * 512 * 512 * 9),
        ("resnet34", "", 21_284_672),
        ("resnet34", "extra", 28_611_392),
    ],
)
def test_resnets_have_the_generators_sizes(name, deform, features):
    with torch.device("meta"):
        model = SiameseRPN(made(name, deform=deform))
    assert parameters(model.features) == features
    heads = sum((512 * 9 + 1) * out for out in (2560, 5120, 256, 256))
    assert parameters(model) == features + heads


@pytest.mark.parametrize("deform", ["", "existing"])
def test_alexnets_maps(deform):
    model = SiameseAlexNet(Settings(width=4, deform=deform))
    sizes = [model(torch.zeros(1, 3, side, side)).shape[2:] for side in (127, 255, 256, 271)]
    assert [tuple(each) for each in sizes] == [(6, 6), (22, 22), (22, 22), (24, 24)]
    with pytest.raises(ValueError, match="the forms '' and 'existing', got 'extra'"):
        SiameseAlexNet(Settings(deform="extra"))


@pytest.mark.parametrize("deform", ["", "existing", "extra", "plain"])
@pytest.mark.parametrize("dilate", [False, True])
def test_a_resnet_cropped_by_five_has_alexnets_maps(deform, dilate):
    model = SiameseResNet(resnet.resnet18(full_model=False, width=2, deform=deform), dilate=dilate)
    assert [tuple(model(torch.zeros(2, 3, side, side)).shape) for side in (127, 256, 271)] == [
        (2, 16, 6, 6), (2, 16, 22, 22), (2, 16, 24, 24)
    ]  # fmt: skip
    with pytest.raises(ValueError, match="crop: 5 cells on every side leave nothing of a map of 8 x 8"):
        model(torch.zeros(2, 3, 64, 64))


def test_bottlenecks_keep_the_map_too():
    model = SiameseResNet(resnet.resnet50(full_model=False, width=2, deform="existing"), crop=0)
    assert model(torch.zeros(1, 3, 64, 64)).shape == (1, 64, 8, 8)


def test_the_correlation_is_each_pictures_own_convolution():
    random = torch.Generator().manual_seed(0)
    searched = torch.randn(3, 4, 7, 6, generator=random, dtype=torch.float64)
    kernels = torch.randn(3, 5 * 4, 3, 2, generator=random, dtype=torch.float64)
    found = up_channel_correlation(searched, kernels)
    assert found.shape == (3, 5, 5, 5)
    expected = sum(
        kernels[2].reshape(5, 4, 3, 2)[3, c, j, i] * searched[2, c, 1 + j, 4 + i]
        for c in range(4) for j in range(3) for i in range(2)
    )  # fmt: skip
    assert found[2, 3, 1, 4].item() == pytest.approx(expected.item(), rel=1e-12)
    with pytest.raises(ValueError, match="a multiple of 4"):
        up_channel_correlation(searched, kernels[:, :5])


def test_a_target_that_stands_elsewhere_gives_the_same_answer_elsewhere():
    """Cell (i, j) is about the template at 8 * (i, j), exactly, where nothing is padded."""
    torch.manual_seed(1)
    model = SiameseRPN(SiameseAlexNet(Settings(width=4)), anchors=2, channels=6).double()
    picture = torch.randn(1, 3, 256 + 24, 256 + 16, dtype=torch.float64)
    template = picture[:, :, 40:167, 40:167]
    whole = model.compare(template, picture[:, :, :256, :256])
    moved = model.compare(template, picture[:, :, 24:, 16:])
    for one, other in zip(whole, moved):
        torch.testing.assert_close(one[:, :, 3:, 2:], other[:, :, :-3, :-2], rtol=1e-9, atol=1e-9)


def test_cropping_takes_away_most_of_what_padding_changes():
    """Features of a picture and of its middle, where both see the same: they differ by the padding alone."""
    torch.manual_seed(2)
    model = SiameseResNet(resnet.resnet18(full_model=False, width=8), crop=0).eval()
    picture = torch.nn.functional.avg_pool2d(torch.randn(1, 3, 260, 260), 5, 1)
    with torch.no_grad():
        whole, middle = model(picture)[:, :, 8:24, 8:24], model(picture[:, :, 64:192, 64:192])
    wrong = ((whole - middle) ** 2).mean(1)[0] / (whole**2).mean()
    assert wrong[5:-5, 5:-5].mean() < 0.35 * wrong.mean()


def test_maps_are_taken_apart_as_anchors_are_ordered():
    maps = torch.arange(2 * 12 * 3 * 5, dtype=torch.float64).reshape(2, 12, 3, 5)
    for each in (2, 4):
        expected = np.stack([anchors.per_anchor(one.numpy(), 12 // each) for one in maps])
        assert (per_anchor(maps, each).numpy() == expected).all()


def test_losses_of_a_hand_worked_pair():
    scores = torch.tensor([[[0.0, 0.0], [0.0, np.log(3.0)], [5.0, 0.0]]], dtype=torch.float64)
    labels = torch.tensor([[0.0, 1.0, -1.0]], dtype=torch.float64)
    deltas = torch.tensor([[[9.0] * 4, [0.5, 0.0, 2.0, 0.0], [9.0] * 4]], dtype=torch.float64)
    found = pair_losses(scores, deltas, labels, torch.zeros_like(deltas), batch=64, positives=16)
    assert found[0].item() == pytest.approx((np.log(2) + np.log(4 / 3)) / 64)
    assert found[1].item() == pytest.approx((0.125 + 1.5) / 4 / 16)
