# SPDX-License-Identifier: Apache-2.0
"""Importing this raises ImportError, with the line that installs it, unless what all programs of lib need is there."""

from operators.extras import need

need("deeplab", "PIL", "matplotlib", "omegaconf", "tqdm", "yaml")
