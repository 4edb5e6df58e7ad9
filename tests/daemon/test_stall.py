"""Work that waits and does not advance is noticed."""

from daemon.stall import StallMonitor


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_only_work_that_waits_without_advancing_is_stalled() -> None:
    clock = Clock()
    monitor = StallMonitor(900.0, clock)
    for minute in range(60):
        clock.now = 60.0 * minute
        monitor.observe({"reading files": min(minute, 20), "the scan of /photos": minute})
        assert bool(monitor.problem) == (minute >= 35), minute
    assert monitor.problem == "reading files has not advanced for 39 minutes"
    monitor.observe({"reading files": 21})
    assert monitor.problem == ""
    clock.now += 10_000
    monitor.observe({})
    monitor.observe({"reading files": 21})
    assert monitor.problem == "", "it was idle in between"
