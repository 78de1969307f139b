# SPDX-License-Identifier: Apache-2.0
"""MPI Sintel's training part (Butler et al. 2012), as it is unpacked:

<root>/training/{clean,final}/<scene>/frame_0001.png
<root>/training/flow/<scene>/frame_0001.flo             from this frame to the next
<root>/training/occlusions/<scene>/frame_0001.png       255 where the pixel is not to be seen in the next frame
<root>/training/invalid/<scene>/frame_0001.png          255 where the flow is not to be trusted, here: unknown
"""

from __future__ import annotations

from pathlib import Path

from lib.data.flow_pairs import Files, FlowPairs
from lib.data.picture_file import DatasetError

PASSES = ("clean", "final")


class Sintel(FlowPairs):
    """The pairs of one rendering pass, 'clean' or 'final', named scene_frame, in that order.

    root: the folder of `training`. Raises DatasetError for a missing folder or file.
    """

    def __init__(self, root: str | Path, image_set: str):
        super().__init__(root, image_set, PASSES, "MPI Sintel")

    def _found(self) -> dict[str, Files]:
        training = self.root / "training"
        flows = sorted((training / "flow").glob("*/frame_*.flo"))
        if not flows:
            raise DatasetError(
                f"dataset.dataset_path: {training / 'flow'} has no scene with frame_0001.flo, as MPI Sintel has it"
            )
        return {f"{path.parent.name}_{path.stem}": self._files_of(path, training) for path in flows}

    def _files_of(self, flow: Path, training: Path) -> Files:
        scene = flow.parent.name
        pictures, number = training / self.image_set / scene, flow.stem.removeprefix("frame_")
        if not number.isdigit():
            raise DatasetError(f"{flow}: expected frame_NUMBER.flo")
        following = f"frame_{int(number) + 1:0{len(number)}d}.png"
        name = f"{scene}/{flow.stem}.png"
        return Files(pictures / f"{flow.stem}.png", pictures / following, flow, training / "occlusions" / name,
                     training / "invalid" / name)  # fmt: skip
