# SPDX-License-Identifier: Apache-2.0
"""Experiments: the configurations and ledgers of each system, and the programs that run many of them.

They know no system. Of the rest they import lib.run, lib.config and lib.system, and start lib.commands as programs.
"""

from lib import extra  # noqa: F401
