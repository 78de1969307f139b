# SPDX-License-Identifier: Apache-2.0
"""The training parts of KITTI's two flow benchmarks (Geiger et al. 2012, Menze and Geiger 2015), as unpacked:

<root>/training/image_2/000000_10.png, 000000_11.png     2015; colored_0, or image_0 (grey), in 2012
<root>/training/flow_occ/000000_10.png                   flow of all pixels that the laser has met
<root>/training/flow_noc/000000_10.png                   of those alone that are to be seen in the second picture

A flow file is a PNG of three 16-bit channels: u * 64 + 32768, v * 64 + 32768, and 1 where the flow is known. Pillow
cuts such channels to 8 bits, so pypng reads them (extra `kitti`).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lib.data.flow_files import UNKNOWN, known
from lib.data.flow_pairs import Files, FlowPairs
from lib.data.picture_file import DatasetError
from operators.extras import need

PICTURES = ("image_2", "colored_0", "image_0")


class KittiFlow(FlowPairs):
    """The pairs of 'training', by number. A pixel is occluded where `flow_occ` knows its flow and `flow_noc` does not.

    root: the folder of `training`. Raises DatasetError for a missing folder or file, MissingExtra without pypng.
    """

    def __init__(self, root: str | Path, image_set: str):
        need("kitti", "png")
        super().__init__(root, image_set, ("training",), "KITTI")

    def _found(self) -> dict[str, Files]:
        training = self.root / "training"
        flows = sorted((training / "flow_occ").glob("*_10.png"))
        pictures = next((training / name for name in PICTURES if (training / name).is_dir()), None)
        if not flows or pictures is None:
            raise DatasetError(
                f"dataset.dataset_path: {training} has no flow_occ/000000_10.png, or none of the folders "
                f"{', '.join(PICTURES)} beside it, as KITTI's flow benchmarks have"
            )
        return {
            path.stem: Files(pictures / path.name, pictures / path.name.replace("_10.", "_11."), path,
                             training / "flow_noc" / path.name)
            for path in flows
        }  # fmt: skip

    def _flow(self, path: Path) -> np.ndarray:
        return read_flow_png(path)

    def _hidden(self, path: Path) -> np.ndarray:
        return ~known(read_flow_png(path))


def read_flow_png(path: str | Path) -> np.ndarray:
    """float32 (h, w, 2), (u, v) in pixels, `UNKNOWN` where the file knows none.

    Raises DatasetError naming a file that is missing, broken or no picture of three 16-bit channels.
    """
    need("kitti", "png")
    import png

    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise DatasetError(f"{path}: {error.strerror}") from None
    try:
        width, height, rows, facts = png.Reader(bytes=content).read()
        if facts["bitdepth"] != 16 or facts["planes"] != 3:
            raise DatasetError(
                f"{path}: {facts['planes']} channels of {facts['bitdepth']} bits, expected 3 of 16, as KITTI's flow"
            )
        values = np.array([np.frombuffer(row, np.uint16) for row in rows]).reshape(height, width, 3)
    except DatasetError:
        raise
    except Exception as error:  # pypng raises its own, zlib's and Python's
        raise DatasetError(f"{path}: broken PNG: {error or type(error).__name__}") from None
    flow = (values[..., :2].astype(np.float32) - 32768) / 64
    return np.where(values[..., 2:] > 0, flow, np.float32(UNKNOWN))
