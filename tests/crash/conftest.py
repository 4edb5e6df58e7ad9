"""A service on a collection in the test's temporary directory."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.running_service import RunningService


@pytest.fixture
def service(tmp_path: Path) -> Iterator[RunningService]:
    """Yield a service with tight limits, so that a decoder that hangs or grows is killed soon."""
    made = RunningService(tmp_path, "[intake]\nworkers = 1\nseconds = 2.0\nmemory_mb = 400\n")
    yield made
    made.close()
