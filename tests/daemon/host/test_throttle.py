"""A flood of one event is reduced to a few lines and a count; errors always pass."""

import pytest
import structlog

from daemon.host.log import BURST_LINES, LogThrottle


def passes(throttle: LogThrottle, name: str, method: str = "info") -> dict[str, object] | None:
    try:
        found: dict[str, object] = throttle(None, method, {"event": name})
    except structlog.DropEvent:
        return None
    return found


def test_a_flood_is_reduced_and_counted() -> None:
    now = [0.0]
    throttle = LogThrottle(lambda: now[0])
    shown = [passes(throttle, "rejected") for _ in range(BURST_LINES + 100)]
    assert sum(one is not None for one in shown) == BURST_LINES
    now[0] = 1.0
    later = passes(throttle, "rejected")
    assert later is not None
    assert later["not_shown"] == 100


@pytest.mark.parametrize("method", ["error", "critical"])
def test_errors_always_pass(method: str) -> None:
    throttle = LogThrottle(lambda: 0.0)
    assert all(passes(throttle, "stage_failed", method) for _ in range(3 * BURST_LINES))


def test_a_flood_of_one_event_does_not_drop_another() -> None:
    throttle = LogThrottle(lambda: 0.0)
    for _ in range(3 * BURST_LINES):
        passes(throttle, "rejected")
    assert passes(throttle, "scanned") is not None
