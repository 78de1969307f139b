# SPDX-License-Identifier: Apache-2.0
"""The name that `python -m lib.commands.check_data` had in earlier versions."""

from lib.commands.check_data import main

if __name__ == "__main__":
    raise SystemExit(main())
