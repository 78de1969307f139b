# SPDX-License-Identifier: Apache-2.0
"""How the Cityscapes server, by its page and cityscapesScripts, knows a prediction: by a name that begins with
<city>_<sequence>_<frame>; two files for one picture are an error there."""

from __future__ import annotations

from lib.config import ConfigError

ENDING = "_pred_labelIds.png"


def submission_name(record) -> str:
    """The file's name. Raises ConfigError for a picture that is not named as the server's are."""
    parts = record.name.split("_")
    if len(parts) != 4 or not (parts[1].isdigit() and parts[2].isdigit()):
        raise ConfigError(f"{record.image}: the server knows pictures as <city>_<sequence>_<frame>_leftImg8bit.png")
    return "_".join(parts[:3]) + ENDING
