"""The service stops its stages in order."""

from pathlib import Path

import pytest

from daemon.service import Service
from tests.support.running_service import RunningService


def test_watches_are_removed_after_the_thread_that_maintains_them_has_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise the thread finds a root unwatched, watches it again, and fails: once in some hundred stops."""
    running = RunningService(tmp_path)
    running.state.mkdir()
    service = Service(running.config, once=False)
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
