# SPDX-License-Identifier: Apache-2.0
"""One YAML file = one experiment. `load` reads it, checks every key, and gives plain objects: `cfg.TRAIN.lr`."""

from deeplab.config.load import ConfigError, as_dict, from_dict, load
from deeplab.config.schema import Config

__all__ = ["Config", "ConfigError", "as_dict", "from_dict", "load"]
