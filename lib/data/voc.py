# SPDX-License-Identifier: Apache-2.0
"""PASCAL VOC segmentation in the folders of its development kit: which pictures there are, and what is in them.

<root>/VOC<year>/JPEGImages/<id>.jpg
<root>/VOC<year>/SegmentationClass/<id>.png        classes 0-20, 255 where none is told; read by value, not by colour
<root>/VOC<year>/SegmentationClassAug/<id>.png     masks of the SBD annotations (Hariharan et al. 2011), if there
<root>/VOC<year>/ImageSets/Segmentation/<list>.txt, ImageSets/Main/<list>.txt      one id per line
"""

from __future__ import annotations

import logging
from collections import Counter
from pathlib import Path

import numpy as np

from lib.config.text_file import read_text
from lib.data import images, voc_labels
from lib.data.cityscapes import Record, fitting, image_sets
from lib.data.images import DatasetError
from lib.data.picture_file import stored_size

AUGMENTED = "SegmentationClassAug"


class PascalVOC:
    """The records of one image set and how to read them.

    Args:
        root: the folder that holds VOC<year>.
        image_set: '<year>_<list>': '2012_train', '2012_val', '2012_trainaug'. The original's '2012_train_seg' and
            '2012_val_seg' mean ImageSets/Main/train_seg.txt where that is, as its authors made it (with the SBD masks
            in SegmentationClass), else ImageSets/Segmentation/train.txt, which everybody has. Several image sets are
            joined by '+', as in '2007_trainval+2012_trainval'; no picture may stand in two of them.
    Raises DatasetError if a folder, a list or a file is missing.

    Attributes:
        records: list of Record in the order of the list; their `city` is the folder that the original keeps results
            in, VOC<year>/Segmentation.
        listings: the lists' files.
        num_classes, class_names, palette: 21, their names by number, (256, 3) uint8 colours.
        one_size: False, the pictures have many sizes.
        judged_at: 'prediction': as the original, evaluation brings the truth to the size of the prediction.
    """

    num_classes = len(voc_labels.CLASS_NAMES)
    class_names = voc_labels.CLASS_NAMES
    palette = voc_labels.PALETTE
    one_size = False
    judged_at = "prediction"

    def __init__(self, root: str | Path, image_set: str):
        self.root, self.image_set = Path(root), image_set
        self.records: list[Record] = []
        self.listings: list[Path] = []
        for one in image_sets(image_set):
            self._add(one)

    @property
    def listing(self) -> Path:
        """The file of the first list."""
        return self.listings[0]

    def _add(self, image_set: str) -> None:
        year, _, name = image_set.partition("_")
        if not year.isdigit() or not name:
            raise DatasetError(f"image set {image_set!r}: expected '<year>_<list>' such as '2012_train'")
        kit = self.root / f"VOC{year}"
        if not kit.is_dir():
            raise DatasetError(
                f"dataset.dataset_path: {kit} is not a folder; expected VOC's development kit, whose VOC{year}/ holds "
                "JPEGImages, SegmentationClass and ImageSets"
            )
        listing = _listing(kit / "ImageSets", name)
        ids = read_text(listing).split()
        if not ids:
            raise DatasetError(f"{listing}: empty, expected one picture's name per line")
        if again := [each for each, count in Counter(ids).items() if count > 1]:  # it would count twice
            raise DatasetError(f"{listing}: {again[0]} stands in it twice ({len(again)} pictures do)")
        folder = f"VOC{year}/Segmentation"
        records = [Record(kit / "JPEGImages" / f"{each}.jpg", _mask(kit, name, each), folder, each) for each in ids]
        for what in ("image", "label"):
            missing = [path for path in (getattr(record, what) for record in records) if not path.is_file()]
            if missing:
                raise DatasetError(
                    f"{missing[0]}: no such file ({len(missing)} of the {len(ids)} pictures of {listing} have no "
                    f"{what})"
                )
        known = {(record.city, record.name) for record in self.records}
        if twice := [record for record in records if (record.city, record.name) in known]:
            raise DatasetError(f"image set {self.image_set!r}: {twice[0].name} of {listing} stands in another one, too")
        self.records += records
        self.listings.append(listing)

    def image(self, record: Record) -> np.ndarray:
        """The picture, uint8 (height, width, 3), RGB."""
        return images.read_image(record.image, upright=True)

    def truth(self, record: Record) -> np.ndarray:
        """Its classes, uint8 (height, width), 255 where none is told."""
        return fitting(record, _classes(record.label), stored_size(record.image))

    def pair(self, record: Record) -> tuple[np.ndarray, np.ndarray]:
        """`image` and `truth` of a record."""
        image = self.image(record)
        return image, fitting(record, _classes(record.label), image.shape[:2])


def truth_of(image: str | Path) -> np.ndarray | None:
    """Classes, uint8 (height, width), of a picture that lies in a development kit's JPEGImages, or None."""
    image = Path(image).resolve()
    if image.parent.name != "JPEGImages":
        return None
    choices = [_mask(image.parents[1], name, image.stem) for name in ("", "aug")]  # VOC's own mask is the better one
    return next((_classes(path) for path in choices if path.is_file()), None)


def _classes(path: Path) -> np.ndarray:
    """What a label file holds. Raises DatasetError for a value that is no class."""
    stored = images.read_label(path)
    wrong = (stored >= PascalVOC.num_classes) & (stored != voc_labels.IGNORE)
    if wrong.any():
        y, x = np.argwhere(wrong)[0]
        raise DatasetError(f"{path}: class {stored[y, x]} at row {y}, column {x}; expected 0-20 and 255")
    return stored


def _listing(folder: Path, name: str) -> Path:
    """The list of an image set: the original's file if there is one, else that of the development kit."""
    choices = [folder / "Main" / f"{name}.txt"] if name.endswith("_seg") else []
    choices.append(folder / "Segmentation" / f"{name.removesuffix('_seg')}.txt")
    for path in choices:
        if path.is_file():
            log = logging.getLogger("active-convnets")  # that of the run, see lib.run.log
            log.info("image set %s: the list is %s", name, path)
            if path != choices[0] and name.startswith("train"):  # VOC's own list is a seventh of the augmented one
                log.warning("image set %s: %s is not there; training on VOC's own list, without the SBD pictures that "
                            "the original adds", name, choices[0])  # fmt: skip
            return path
    there = sorted(path.stem for path in (folder / "Segmentation").glob("*.txt"))
    raise DatasetError(
        f"image set: found no {' nor '.join(map(str, choices))}; {folder / 'Segmentation'} has "
        f"{', '.join(there) or 'no list'}"
    )


def _mask(kit: Path, name: str, picture: str) -> Path:
    """A picture's label file; lists of augmented sets prefer the SBD masks, which a kit keeps apart."""
    augmented = kit / AUGMENTED / f"{picture}.png"
    if name.endswith("aug") and augmented.is_file():
        return augmented
    return kit / "SegmentationClass" / f"{picture}.png"
