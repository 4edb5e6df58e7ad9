"""The packages that the exporter needs are installed."""

import pytest

from tests.export.requirements import MISSING


def test_the_exporter_can_be_tested_here() -> None:
    if MISSING:
        pytest.skip(f"the exporter's tests need {', '.join(MISSING)}: make test-export")
