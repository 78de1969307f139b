# SPDX-License-Identifier: Apache-2.0
"""Starts a training on several workers, watches all its processes, and ends them together.

MXNet's KVStore has three roles: workers train, servers add their gradients, one scheduler introduces them. Nothing in
it notices that one of them has died: the others wait for ever. MXNet's own launcher does not watch either, and fails
on Python 3.9. See docs/distributed.md.
"""

from lib import extra  # noqa: F401
