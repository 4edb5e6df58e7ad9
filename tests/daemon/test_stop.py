"""The service ends in an order in which nobody misses what another has put away."""

from pathlib import Path

import pytest

from daemon.service import Service
from tests.support.running_service import Household


def test_watches_are_given_back_after_the_thread_that_tends_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else it finds a root unwatched, watches it anew, and fails: once in some hundred stops."""
    home = Household(tmp_path)
    home.state.mkdir()
    service = Service(home.config, once=False)
    service.start()
    tending: list[bool] = []
    give_back = service.reconciler.stop

    def stop() -> None:
        tending.append("sentry" not in service.stages.dead())
        give_back()

    monkeypatch.setattr(service.reconciler, "stop", stop)
    service.stop()
    assert tending == [False]
    assert service.stages.error is None
