# SPDX-License-Identifier: Apache-2.0
"""The name that `python -m experiments.ledger deeplab` had in earlier versions."""

import sys

from experiments.ledger.__main__ import main

if __name__ == "__main__":
    sys.exit(main(["deeplab", *sys.argv[1:]]))
