# SPDX-License-Identifier: Apache-2.0
"""The name that `python -m lib.commands.inspect` had in earlier versions."""

import sys

from lib.commands.inspect import main

if __name__ == "__main__":
    sys.exit(main())
