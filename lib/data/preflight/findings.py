# SPDX-License-Identifier: Apache-2.0
"""The faults a data set can have: how bad each is, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass

ERROR, WARNING = "error", "warning"

DOWNLOAD = "download {} from www.cityscapes-dataset.com (free, after registration) and unpack it into {}"
FAULTS = {
    "no such folder": (
        ERROR,
        "give the folder that holds leftImg8bit and gtFine (from www.cityscapes-dataset.com, free after registration; "
        "python -m lib.data.streets FOLDER makes a stand-in)",
    ),
    "no pictures": (ERROR, ""),
    "no labels": (ERROR, ""),
    "broken picture": (ERROR, "unpack or download these files again, or save them as 8-bit RGB PNG files"),
    "picture is not 8-bit RGB": (ERROR, "convert these pictures to 8-bit RGB PNG files, upright and opaque"),
    "broken labels": (ERROR, "unpack or download these files again; labels are 8-bit PNG files with one channel"),
    "picture without labels": (
        ERROR,
        "unpack gtFine_trainvaltest.zip completely, or move these pictures away: training reads every picture",
    ),
    "labels of another size than the picture": (ERROR, "labels belong to the picture pixel by pixel: take both anew"),
    "ids that do not exist": (
        ERROR,
        "label ids are 0-33 (cityscapesscripts/helpers/labels.py), train ids 0-18 and 255",
    ),
    "train ids in a labelIds file": (ERROR, "rename these files to *_labelTrainIds.png, or download the labelIds anew"),
    "label ids in a labelTrainIds file": (
        ERROR,
        "rename these files to *_labelIds.png: train ids are made from label ids on the fly",
    ),
    "crop does not fit": (ERROR, "make TRAIN.CROP_WIDTH and TRAIN.CROP_HEIGHT smaller, or SCALES larger"),
    "sizes differ under SCALES": (ERROR, "crop (TRAIN.ENABLE_CROP=true) or use batches of 1 (BATCH_IMAGES=1)"),
    "image set cannot be read": (ERROR, ""),
    "broken annotation": (ERROR, "training reads every one: correct these, or take their names from the list"),
    "no objects": (ERROR, "nothing can be learned from such a set, or measured by it"),
    "proposals do not fit": (ERROR, "python -m detection.propose writes the file that dataset.proposal names"),
    "another number of classes": (ERROR, "dataset.NUM_CLASSES counts the background, too"),
    "picture without objects": (WARNING, "these are tested on, not trained on"),
    "labels without picture": (WARNING, "not used; unpack leftImg8bit_trainvaltest.zip completely if they should be"),
    "nothing to learn from": (WARNING, "no pixel of these labels has a class: they neither train nor count"),
    "labels without a class": (
        WARNING,
        "the benchmark keeps the true labels of its test pictures: predict these, evaluate on val",
    ),
    "no labels, as in a test set": (WARNING, "these pictures can be predicted, not trained on or evaluated"),
    "only train ids": (WARNING, "used as they are; with *_labelIds.png beside them those would be taken"),
    "classes that never occur": (WARNING, "the network cannot learn these; their IoU counts 0 in meanIU"),
    "not the published number of pictures": (WARNING, "unpack the archives again if this is meant to be all of it"),
    "other files": (WARNING, "not used; mirrored pictures (*_flip.png) are made on the fly"),
}


@dataclass(frozen=True)
class Finding:
    """One fault. fault: a key of FAULTS. where: file, folder or split. detail: what exactly. advice: '' = FAULTS'."""

    fault: str
    where: str
    detail: str = ""
    advice: str = ""

    @property
    def level(self) -> str:
        return FAULTS[self.fault][0]

    @property
    def what_to_do(self) -> str:
        return self.advice or FAULTS[self.fault][1]
