# SPDX-License-Identifier: Apache-2.0
"""How an ImageNet classifier is made deformable: the 3x3 convolutions of the last stage of `resnet` and `vgg`."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from lib.modules.operators import DeformConv2d

FORMS = ("", "extra", "existing", "plain")
STARTS = ("zeros", "original")


@dataclass(frozen=True)
class Settings:
    """What the generators can be asked for.

    num_classes: outputs of the classifier. full_model: False leaves the pooling and the classifier out; the output is
    the map of the last stage. in_channels: of the pictures. width: filters of the first convolution; 64 in the papers,
    all others follow.

    deform: what the last stage does.
        '': nothing new, torchvision's network.
        'extra': Qu and Mousavy's slides. After the last batch normalisation of every block of ResNet's layer4, before
            the sum, and after every convolution of VGG's last block with its ReLU, stands one more convolution, which
            is deformable and has no bias. (Their published code does not run; this is what their tables count.)
        'existing': the 3x3 convolutions that are there deform: `conv2` of every block of layer4, all of VGG's last
            block. A hundredth of the new parameters.
        'plain': the control of 'extra', of the same size but for the offsets: ordinary convolutions in those places.
    offset_start: 'zeros', so that every deformable convolution begins as an ordinary one; 'original': what that code
        does to all convolutions alike, N(0, sqrt(2 / fan out)), which is 1/9 for offsets.
    boundary: what a deformable convolution reads outside the map, see operators/deform_conv/README.md; the slides'
        module is 'inside'.
    """

    num_classes: int = 1000
    full_model: bool = True
    in_channels: int = 3
    width: int = 64
    deform: str = ""
    offset_start: str = "zeros"
    boundary: str = "inside"

    def __post_init__(self):
        for name, known in (("deform", FORMS), ("offset_start", STARTS)):
            if getattr(self, name) not in known:
                raise ValueError(f"{name}: expected one of {', '.join(map(repr, known))}, got {getattr(self, name)!r}")
        for name in ("num_classes", "in_channels", "width"):
            value = getattr(self, name)
            if not isinstance(value, int) or value < 1:
                raise ValueError(f"{name}: expected a whole number from 1 on, got {value!r}")


class Deforming(DeformConv2d):
    """A 3x3 deformable convolution that keeps the size at stride 1; `conv_offset` makes its offsets, (y, x) per tap.

    bias, offset_bias: of the convolution and of the one that makes the offsets. dilation: of both.
    """

    def __init__(self, inside: int, outside: int, settings: Settings, stride: int = 1, bias: bool = False,
                 offset_bias: bool = False, dilation: int = 1):  # fmt: skip
        self._offset_bias, self._start = offset_bias, settings.offset_start
        super().__init__(inside, outside, 3, stride, dilation, dilation, bias=bias, boundary=settings.boundary)

    def reset_parameters(self) -> None:
        if not self._offset_bias:
            self.conv_offset.register_parameter("bias", None)
        start_of(self)
        start_of(self.conv_offset)
        if self._start == "zeros":
            nn.init.zeros_(self.conv_offset.weight)


def extra(channels: int, settings: Settings, offset_bias: bool = False) -> nn.Module | None:
    """The convolution that a block gets besides its own ones, None if the form has none."""
    if settings.deform == "extra":
        return Deforming(channels, channels, settings, offset_bias=offset_bias)
    if settings.deform == "plain":
        return nn.Conv2d(channels, channels, 3, padding=1, bias=False)
    return None


def convolution(inside: int, outside: int, settings: Settings, stride: int = 1, bias: bool = False,
                dilation: int = 1) -> nn.Module:  # fmt: skip
    """A 3x3 convolution of the last stage. In the form 'existing' it deforms, and its offsets have a bias if it has."""
    if settings.deform == "existing":
        return Deforming(inside, outside, settings, stride, bias, offset_bias=bias, dilation=dilation)
    return nn.Conv2d(inside, outside, 3, stride, dilation, dilation, bias=bias)


def start_of(convolution) -> None:
    """As torchvision's ResNet and VGG start: weights N(0, sqrt(2 / fan out)), biases 0."""
    nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")
    if convolution.bias is not None:
        nn.init.zeros_(convolution.bias)


def start(model: nn.Module) -> None:
    """The first values of every convolution and linear layer of a model, as torchvision's are; a `Deforming` has its
    own already."""
    own = {id(each) for module in model.modules() if isinstance(module, Deforming) for each in module.modules()}
    for module in model.modules():
        if isinstance(module, nn.Conv2d) and id(module) not in own:
            start_of(module)
