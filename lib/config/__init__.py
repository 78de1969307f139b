# SPDX-License-Identifier: Apache-2.0
"""One YAML file = one experiment. `load` reads it as a system's schema says, checks every key, and gives plain
objects: `cfg.TRAIN.lr`."""

from lib.config.load import as_dict, is_setting, load, load_dict
from lib.config.schema import ConfigError, Ranges, Schema

__all__ = ["ConfigError", "Ranges", "Schema", "as_dict", "is_setting", "load", "load_dict"]
