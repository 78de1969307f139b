# SPDX-License-Identifier: Apache-2.0
"""Predictions of pictures whose truth nobody here has, as the Cityscapes server takes them.

It wants one 8-bit PNG per picture, of the picture's size, that holds label ids (not train ids), see
`lib.data.cityscapes_server`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from deeplab.data import kind_of, load_dataset
from lib.config import ConfigError
from lib.data.cityscapes import Cityscapes
from lib.data.cityscapes_server import ENDING, submission_name
from lib.data.labels import LABEL_IDS
from lib.run.atomic import write_with


def hidden_test_set(cfg) -> str:
    """The image set that the server judges. Raises ConfigError for another data set than Cityscapes."""
    if kind_of(cfg) is not Cityscapes:
        raise ConfigError(f"--submission: the Cityscapes server takes no {cfg.dataset.dataset}; expected CityScape")
    return "leftImg8bit_test"


def submit(cfg, predictor, place: Path, log) -> Path:
    """Writes <place>/<city>_<sequence>_<frame>_pred_labelIds.png of every picture of cfg.dataset.test_image_set.

    What else of that kind lies in `place`, of other pictures, is removed: the server counts it. Gives `place`.
    """
    hidden_test_set(cfg)
    dataset = load_dataset(cfg, cfg.dataset.test_image_set, labels=False)
    names = {record: submission_name(record) for record in dataset.records}
    place.mkdir(parents=True, exist_ok=True)
    for path in sorted(set(place.glob(f"*{ENDING}")) - {place / name for name in names.values()}):
        path.unlink()
    ids = np.array(LABEL_IDS, np.uint8)
    for record, name in tqdm(names.items(), unit="picture", desc="predicting", disable=None):
        image = Image.fromarray(ids[predictor.picture(dataset.image(record))])
        write_with(place / name, lambda file, image=image: image.save(file, format="PNG"))
    log.info("%d pictures with label ids in %s; pack them: (cd %s && zip ../submission.zip *.png)", len(names), place,
             place)  # fmt: skip
    return place
