# SPDX-License-Identifier: Apache-2.0
"""MPI Sintel's training part (Butler et al. 2012), as it is unpacked:

<root>/training/{clean,final}/<scene>/frame_0001.png
<root>/training/flow/<scene>/frame_0001.flo             from this frame to the next
<root>/training/occlusions/<scene>/frame_0001.png       255 where the pixel is not to be seen in the next frame
<root>/training/invalid/<scene>/frame_0001.png          255 where the flow is not to be trusted, here: unknown
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lib.data import images
from lib.data.flow_files import UNKNOWN
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
        hidden = training / "occlusions" / scene / f"{flow.stem}.png"
        return Files(pictures / f"{flow.stem}.png", pictures / following, flow, hidden)

    def _truth(self, files: Files) -> tuple[np.ndarray, np.ndarray | None]:
        flow, occluded = super()._truth(files)
        invalid = files.flow.parents[2] / "invalid" / files.flow.parent.name / f"{files.flow.stem}.png"
        if invalid.is_file():
            wrong = images.read_label(invalid) > 0
            if wrong.shape != flow.shape[:2]:
                raise DatasetError(f"{invalid}: {wrong.shape[1]} x {wrong.shape[0]} pixels, not those of {files.flow}")
            flow = np.where(wrong[..., None], np.float32(UNKNOWN), flow)
        return flow, occluded
