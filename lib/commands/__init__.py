# SPDX-License-Identifier: Apache-2.0
"""The programs: train, test, predict, inspect, summary, check_data, config. All take CONFIG-or-RUN [key=value ...]."""

from lib import extra  # noqa: F401
