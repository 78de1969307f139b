# SPDX-License-Identifier: Apache-2.0
"""The name that `python -m lib.commands.config` had in earlier versions."""

from lib.commands.config import main

if __name__ == "__main__":
    raise SystemExit(main())
