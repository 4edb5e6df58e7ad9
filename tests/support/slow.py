"""Parameters of which most run only with `make test-all`."""

from collections.abc import Iterable
from typing import Any

import pytest


def mostly_slow(values: Iterable[Any], fast: int = 1) -> list[Any]:
    """Return the values as parameters: the first `fast` run always, the others are marked slow. A tuple is one set."""
    every = [value if isinstance(value, tuple) else (value,) for value in values]
    return [pytest.param(*value, marks=[] if at < fast else pytest.mark.slow) for at, value in enumerate(every)]
