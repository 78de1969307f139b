# SPDX-License-Identifier: Apache-2.0
"""Experiments: configurations, and programs that know of deeplab its commands (./train.sh; `python -m deeplab.config`,
deeplab.train and deeplab.test), their settings and the files they leave, and import nothing of it."""
