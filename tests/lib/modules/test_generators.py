# SPDX-License-Identifier: Apache-2.0
"""The deformable ResNet and VGG: sizes, torchvision's names, where they begin, and that they look elsewhere."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from lib.modules import resnet, vgg  # noqa: E402
from lib.modules.deforming import Deforming, Settings  # noqa: E402

# Parameters of the features and of the whole network: torchvision's, then with the extra deformable convolutions.
SIZES = {
    "resnet18": (11_176_512, 16_060_992, 11_689_512, 16_573_992),
    "resnet34": (21_284_672, 28_611_392, 21_797_672, 29_124_392),
    "resnet50": (23_508_032, 137_749_568, 25_557_032, 139_798_568),
    "resnet101": (42_500_160, 156_741_696, 44_549_160, 158_790_696),
    "vgg11": (9_220_480, 14_104_996, 132_863_336, 137_747_852),
    "vgg13": (9_404_992, 14_289_508, 133_047_848, 137_932_364),
    "vgg16": (14_714_688, 22_041_462, 138_357_544, 145_684_318),
    "vgg19": (20_024_384, 29_793_416, 143_667_240, 153_436_272),
}
# Of "name shape" of every parameter and buffer of torchvision 0.29, sorted, SHA-256.
NAMES = {
    "resnet18": "5191d63ec3989592",
    "resnet34": "f8de2a1812ef85e4",
    "resnet50": "a87e91cd6bd1f939",
    "resnet101": "dbc3ca74fffafc72",
    "vgg11": "b11acd4f90d9643f",
    "vgg13": "79ca8fd7a1480aa7",
    "vgg16": "ba63c2556d912509",
    "vgg19": "393fac8b08b63fbe",
    "vgg11_bn": "56ed5816909a8132",
}


def made(name, **settings):
    name, _, normalised = name.partition("_")
    more = {"batch_norm": True} if normalised else {}
    return getattr(resnet if name.startswith("resnet") else vgg, name)(**more, **settings)


def parameters(model) -> int:
    return sum(each.numel() for each in model.parameters())


@pytest.mark.parametrize("name", SIZES)
def test_sizes_are_those_of_the_slides_form(name):
    with torch.device("meta"):
        whole = [made(name, full_model=full, deform=deform) for full in (False, True) for deform in ("", "extra")]
    assert tuple(map(parameters, whole)) == SIZES[name]


@pytest.mark.parametrize("name", NAMES)
def test_names_and_shapes_are_torchvisions(name):
    with torch.device("meta"):
        plain, *others = (made(name, deform=form) for form in ("", "extra", "existing", "plain"))
    state = plain.state_dict()
    text = "\n".join(f"{key} {tuple(value.shape)}" for key, value in sorted(state.items()))
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == NAMES[name]
    for other in others:  # a file of torchvision's misses what it cannot know, and nothing else
        found = other.load_state_dict(state, strict=False)
        assert not found.unexpected_keys
        assert found.missing_keys and all("conv_offset" in key or ".extra." in key for key in found.missing_keys)


@pytest.mark.parametrize("name, blocks, filters", [("resnet18", 2, 512), ("resnet50", 3, 512), ("vgg16", 3, 512)])
def test_the_sensible_form_adds_offsets_alone(name, blocks, filters):
    with torch.device("meta"):
        plain, existing = (made(name, deform=form, full_model=False) for form in ("", "existing"))
    each = filters * 18 * 9 + (18 if name.startswith("vgg") else 0)  # 82,944 in a ResNet
    assert parameters(existing) - parameters(plain) == blocks * each


@pytest.mark.parametrize("name", ["resnet18", "resnet50", "vgg11", "vgg11_bn"])
def test_an_existing_convolution_begins_as_the_ordinary_one(name):
    torch.manual_seed(1)
    plain, deforming = (made(name, width=4, full_model=False, deform=form).eval().double() for form in ("", "existing"))
    deforming.load_state_dict(plain.state_dict(), strict=False)
    x = torch.randn(2, 3, 64, 64, dtype=torch.float64)
    with torch.no_grad():
        expected, got = plain(x), deforming(x)
        torch.testing.assert_close(got, expected, rtol=1e-9, atol=1e-12)
        for module in deforming.modules():
            if isinstance(module, Deforming):
                torch.nn.init.normal_(module.conv_offset.weight, 0, 0.3)
        assert (deforming(x) - expected).abs().max() > 1e-3
    assert expected.shape == (2, plain.channels, 2, 2)


@pytest.mark.parametrize("name", ["resnet18", "resnet34", "resnet50", "vgg13"])
def test_the_start_is_zero_offsets_or_the_originals(name):
    torch.manual_seed(2)
    for start in ("zeros", "original"):
        model = made(name, width=8, full_model=False, deform="extra", offset_start=start)
        offsets = [m.conv_offset for m in model.modules() if isinstance(m, Deforming)]
        assert len(offsets) == {"resnet18": 2, "resnet34": 3, "resnet50": 3, "vgg13": 2}[name]
        for offset in offsets:
            assert (offset.bias is not None) == name.startswith("vgg")
            assert offset.bias is None or not offset.bias.any()
            expected = 0 if start == "zeros" else 1 / 9
            assert offset.weight.std().item() == pytest.approx(expected, rel=0.05)


def test_every_parameter_of_every_form_learns():
    torch.manual_seed(3)
    for name in ("resnet18", "resnet50", "vgg11"):
        for form in ("extra", "existing", "plain"):
            model = made(name, width=4, deform=form, offset_start="original", full_model=False, in_channels=1)
            model(torch.randn(2, 1, 96, 96)).square().mean().backward()
            still = [key for key, each in model.named_parameters() if each.grad is None or not each.grad.any()]
            assert not still, (name, form, still)


def test_the_classifier_and_the_pools_can_be_left_out():
    x = torch.randn(1, 3, 64, 64)
    whole = resnet.resnet18(width=4, num_classes=7)
    assert whole(x).shape == (1, 7)
    assert [tuple(each.shape[1:]) for each in whole.stages(x)] == [(4, 16, 16), (8, 8, 8), (16, 4, 4), (32, 2, 2)]
    assert resnet.resnet18(width=4, full_model=False).fc is None
    assert vgg.vgg11(width=1, num_classes=5)(x).shape == (1, 5)
    without = vgg.vgg11(width=2, full_model=False, max_pools=False)
    assert without(x).shape == (1, 16, 64, 64)
    assert without.state_dict().keys() == vgg.vgg11(width=2, full_model=False).state_dict().keys()


@pytest.mark.parametrize(
    "settings, text",
    [
        ({"deform": "all"}, "deform: expected one of '', 'extra', 'existing', 'plain', got 'all'"),
        ({"offset_start": "ones"}, "offset_start: expected one of 'zeros', 'original', got 'ones'"),
        ({"width": 0}, "width: expected a whole number from 1 on, got 0"),
        ({"num_classes": 2.5}, "num_classes: expected a whole number from 1 on, got 2.5"),
    ],
)
def test_wrong_settings_are_named(settings, text):
    with pytest.raises(ValueError, match="^" + text.replace("(", r"\(")):
        resnet.resnet18(**settings)


def test_unknown_networks_are_named():
    with pytest.raises(ValueError, match="depth: expected one of 10, 18, 34, 50, 101, got 20"):
        resnet.resnet(20)
    with pytest.raises(ValueError, match="depth: expected one of 11, 13, 16, 19, got 12"):
        vgg.VGG(12, Settings(width=1))
    with pytest.raises(ValueError, match=r"multi_grid: expected factors from 1 on, got \(1, 0\)"):
        resnet.resnet(18, 16, (1, 0), width=1)


def test_the_example_of_the_documentation_prints_what_it_says(capsys):
    text = (Path(__file__).parents[3] / "docs/classify.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    exec(compile(block, "docs/classify.md", "exec"), {})
    assert capsys.readouterr().out.splitlines() == re.findall(r"print\(.*\) +# (.*)", block)


@pytest.mark.parametrize("name", ["resnet18", "resnet50", "vgg11", "vgg11_bn"])
def test_a_state_of_torchvisions_gives_its_outputs(name):
    models = pytest.importorskip("torchvision", reason="torchvision is not installed").models
    torch.manual_seed(4)
    theirs = getattr(models, name)(num_classes=10).eval()
    ours = made(name, num_classes=10).eval()
    ours.load_state_dict(theirs.state_dict())
    x = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(ours(x), theirs(x), rtol=1e-4, atol=1e-5)
