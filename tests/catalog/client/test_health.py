"""What status, doctor and report say of a service that ended, hangs, or fails again and again."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.client.health import find_problem, service_health
from catalog.client.protocol import StatusAnswer
from catalog.client.run_record import RunRecord, read_runs, recorded_run
from catalog.errors import ResourceError
from catalog.state_dir import LAST_RUNS
from tests.support.running_service import RunningService
from tests.support.waiting import wait_until

START = 1_800_000_000.0
ANSWER = cast("StatusAnswer", {"stalled": ""})


class Clock:
    """A clock that a test sets."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def service(tmp_path: Path) -> Iterator[RunningService]:
    made = RunningService(tmp_path)
    yield made
    made.close()


def problem(service: RunningService) -> str:
    return service_health(service.state, START).problem


def fail(state: Path, clock: Clock, seconds: float) -> None:
    with pytest.raises(ResourceError), recorded_run(state, "service", clock):
        clock.now += seconds
        raise ResourceError("the disk of /state is full", "Free some space.")


def recorded(state: Path, clock: Clock) -> dict[str, RunRecord]:
    """Return the record as it is during another run, and forget that run."""
    before = (state / LAST_RUNS).read_bytes() if (state / LAST_RUNS).exists() else b""
    with recorded_run(state, "service", clock):
        during = read_runs(state)
    (state / LAST_RUNS).write_bytes(before)
    return during


def test_where_nothing_ever_ran_no_service_is_missed(tmp_path: Path) -> None:
    assert service_health(tmp_path, START)[:3] == (False, None, "")


def test_a_complete_pass_is_fine_and_a_stopped_service_is_not(service: RunningService) -> None:
    assert service.once().returncode == 0
    assert problem(service) == ""
    service.start()
    assert problem(service) == ""
    assert service.stop() == 0
    assert problem(service).startswith("the service was stopped at ")
    assert service.once().returncode == 0
    assert problem(service) == "", "full passes took over"


def test_a_killed_service_is_missed(service: RunningService) -> None:
    service.start()
    service.kill()
    assert "it was killed, or the machine stopped" in problem(service)


def test_a_killed_pass_is_not_complete(tmp_path: Path) -> None:
    killed = recorded_run(tmp_path, "pass", Clock(START))
    killed.__enter__()
    found = service_health(tmp_path, START)
    assert "is not complete: it was killed" in found.problem
    assert found.remedy.startswith("Run `catalogd --once` again")


def test_an_error_that_ended_the_service_is_named_with_its_remedy(tmp_path: Path) -> None:
    fail(tmp_path, Clock(START), 10.0)
    found = service_health(tmp_path, START + 60)
    assert found.problem == (
        "the service ended at 2027-01-15 08:00 UTC, and nothing watches the collection: the disk of /state is full"
    )
    assert found.remedy == "Free some space."


def test_a_service_that_fails_again_and_again_is_red_even_while_it_runs(tmp_path: Path) -> None:
    clock = Clock(START)
    for failures in range(4):
        running = find_problem(recorded(tmp_path, clock), True, ANSWER, clock.now)[0]
        assert bool(running) == (failures >= 2), failures
        assert find_problem(recorded(tmp_path, clock), True, ANSWER, clock.now + 4000) == ("", ""), "it lasts"
        fail(tmp_path, clock, 10.0)
    fail(tmp_path, clock, 4000.0)
    assert recorded(tmp_path, clock)["service"].failures == 0, "the last run was no short one"


def test_a_service_that_does_not_answer_is_red_once_it_had_time_to_start(service: RunningService) -> None:
    service.start()
    started = read_runs(service.state)["service"].started
    service.signal(signal.SIGSTOP)
    try:
        assert service_health(service.state, started + 10)[::2] == (True, "")
        assert service_health(service.state, started + 400).problem == "the service runs, but does not answer"
    finally:
        service.signal(signal.SIGCONT)
    assert wait_until(lambda: service_health(service.state, started + 400).problem == "")


def test_work_that_does_not_advance_is_named() -> None:
    stalled = "reading files has not advanced for 16 minutes"
    assert find_problem({}, True, cast("StatusAnswer", {"stalled": stalled}), START)[0] == stalled


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["service", "pass", *RunRecord._fields]), inner),
)


@given(json_values | st.binary())
def test_a_forged_record_is_no_record(tmp_path_factory: pytest.TempPathFactory, forged: object) -> None:
    state = tmp_path_factory.getbasetemp() / "forged"
    state.mkdir(exist_ok=True)
    text = forged if isinstance(forged, bytes) else json.dumps(forged).encode()
    (state / LAST_RUNS).write_bytes(text)
    found = service_health(state, START)
    assert not found.running
    os.unlink(state / LAST_RUNS)
