# SPDX-License-Identifier: Apache-2.0
"""Parameters from other programs: converters and pretrained files."""

from lib import extra  # noqa: F401
