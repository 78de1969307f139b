# SPDX-License-Identifier: Apache-2.0
"""A scheduler or a server of MXNet's KVStore: DMLC_ROLE=server ... python -m lib.launch.role"""

from __future__ import annotations

import os
import sys


def main() -> int:
    role = os.environ.get("DMLC_ROLE", "")
    if role not in ("scheduler", "server"):
        print(f"error: DMLC_ROLE: expected scheduler or server, got {role!r}; see docs/distributed.md", file=sys.stderr)
        return 1
    import mxnet  # noqa: F401  (importing it in one of these roles runs the role and exits when all workers have ended)

    print(f"error: this MXNet does not serve DMLC_ROLE={role}: it was built without the distributed KVStore",
          file=sys.stderr)  # fmt: skip
    return 1


if __name__ == "__main__":
    sys.exit(main())
