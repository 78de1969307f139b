# SPDX-License-Identifier: Apache-2.0
"""How long the random tests look, and where: `pytest --hypothesis-profile=nightly` looks where nobody has looked."""

from __future__ import annotations

import importlib.util

if importlib.util.find_spec("hypothesis"):
    from hypothesis import HealthCheck, settings

    # No deadline: other work may share the machine.
    common = dict(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.differing_executors])
    # The same few examples in every run, so that a change is judged by what it changed.
    settings.register_profile("everyday", max_examples=40, derandomize=True, database=None, **common)
    # New ones every time, many of them; what fails is kept in .hypothesis/ and tried first by the next run.
    settings.register_profile("nightly", max_examples=2000, print_blob=True, **common)
    settings.load_profile("everyday")
