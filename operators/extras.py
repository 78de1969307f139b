# SPDX-License-Identifier: Apache-2.0
"""What an installation lacks is told with the line that brings it; pyproject.toml says what each extra holds."""

from __future__ import annotations

from importlib.util import find_spec


class MissingExtra(ImportError):
    """What an extra brings is not installed; programs tell it as a sentence, without a trace."""


def need(extra: str, *modules: str) -> None:
    """Raises MissingExtra, naming the extra, unless all these modules are installed. Imports none of them."""
    missing = [name for name in modules if find_spec(name) is None]
    if missing:
        raise MissingExtra(
            f"{', '.join(missing)} not installed: pip install 'active-convnets[{extra}]'; in a checkout "
            f"scripts/setup.sh {extra}, or pip install -e '.[{extra}]'",
            name=missing[0],
        )
