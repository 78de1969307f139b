# SPDX-License-Identifier: Apache-2.0
"""The Siamese RPN of a configuration, as an engine trains it and asks it."""

from __future__ import annotations

from torch import Tensor, nn

from lib.modules.deforming import Settings
from lib.modules.pair_loss import pair_losses, per_anchor
from lib.modules.resnet import KINDS, ResNet
from lib.modules.siamese_alexnet import SiameseAlexNet
from lib.modules.siamese_resnet import SiameseResNet
from lib.modules.siamese_rpn import SiameseRPN


class SiameseTracker(SiameseRPN):
    """depth: of the ResNet, 0 for AlexNet. crop, dilate: see `SiameseResNet`. width, deform, boundary: see
    `lib.modules.deforming.Settings`. anchors, channels, unused, response: see `SiameseRPN`. batch, positives: see
    `pair_losses`. box_weight: factor on the loss of boxes. Raises ValueError for a depth that is not known.
    """

    def __init__(
        self,
        depth: int = 18,
        width: int = 64,
        deform: str = "",
        boundary: str = "inside",
        crop: int = 5,
        dilate: bool = False,
        anchors: int = 5,
        channels: int = 256,
        unused: bool = False,
        response: float = 1.0,
        batch: int = 64,
        positives: int = 16,
        box_weight: float = 1.0,
    ):
        settings = Settings(width=width, deform=deform, boundary=boundary, full_model=False)
        super().__init__(_features(depth, settings, crop, dilate), anchors, channels, unused, response)
        self._batch, self._positives, self._box_weight = batch, positives, box_weight

    def forward(
        self,
        template: Tensor | None = None,
        search: Tensor | None = None,
        class_kernels: Tensor | None = None,
        box_kernels: Tensor | None = None,
        label: Tensor | None = None,
        delta: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """With label (N, M) and delta (N, M, 4): the `loss` and its two parts. Else what there is of template, kernels
        and search picture gives: `class_kernels`, `box_kernels` of a template, `probability` (N, M) of the target and
        `deltas` (N, M, 4) of a search picture. M anchors in the order of `lib.boxes.anchors.grid_anchors`.
        """
        found = {}
        if template is not None:
            class_kernels, box_kernels = self.kernels(template)
            found = {"class_kernels": class_kernels, "box_kernels": box_kernels}
        if search is None:
            return found
        if class_kernels is None or box_kernels is None:
            raise ValueError("expected a template, or the kernels that one has become")
        scores, deltas = self.respond(search, (class_kernels, box_kernels))
        scores, deltas = per_anchor(scores, 2), per_anchor(deltas, 4)
        if label is None or delta is None:
            return {**found, "probability": scores.softmax(-1)[..., 1], "deltas": deltas}
        of_class, of_box = pair_losses(scores, deltas, label, delta, self._batch, self._positives)
        of_box = self._box_weight * of_box
        return {"loss": of_class + of_box, "class_loss": of_class, "box_loss": of_box}


def _features(depth: int, settings: Settings, crop: int, dilate: bool) -> nn.Module:
    if not depth:
        return SiameseAlexNet(settings)
    if depth not in KINDS:
        raise ValueError(f"depth: expected one of {', '.join(map(str, KINDS))}, or 0 for AlexNet, got {depth}")
    return SiameseResNet(ResNet(*KINDS[depth], settings), crop, dilate)
