"""A household in the test's own directory, its service ended whatever happens."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.running_service import Household


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Household]:
    """Limits are short, so that a decoder that hangs or grows is ended soon."""
    made = Household(tmp_path, "[intake]\nworkers = 1\nseconds = 2.0\nmemory_mb = 400\n")
    yield made
    made.close()
