"""sd_notify for real: a service manager's socket, and everything the service says on it from start to stop."""

import os
import signal
import socket
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from daemon.host.systemd_notify import notify, watchdog_seconds
from tests.support.running_service import Household, picture

WATCHDOG_USEC = 2_000_000
PATIENCE = 30.0


class Ear:
    """The manager's end of the socket."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("\0" + address[1:] if address.startswith("@") else address)

    def hear(self, seconds: float) -> list[str]:
        """The next message, as its lines; [] if none came in time."""
        self._socket.settimeout(max(seconds, 0.001))
        try:
            return self._socket.recv(4096).decode().split("\n")
        except TimeoutError:
            return []

    def hear_until(self, line: str) -> list[list[str]]:
        """All messages up to the first that holds this line."""
        heard: list[list[str]] = []
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            heard.append(self.hear(end - time.monotonic()))
            if line in heard[-1]:
                return heard
        raise AssertionError(f"never heard {line}, but {heard}")

    def close(self) -> None:
        """Give the socket back."""
        self._socket.close()


@pytest.fixture(params=["path", "abstract"])
def ear(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ear]:
    """A manager that listens."""
    listening = Ear(str(tmp_path / "notify") if request.param == "path" else f"@catalogd-test-{os.getpid()}")
    yield listening
    listening.close()


def test_a_life_as_the_manager_hears_it(tmp_path: Path, ear: Ear) -> None:
    house = Household(tmp_path)
    (Path(os.fsdecode(house.root)) / "a.png").write_bytes(picture(1))
    house.start(ready=False, NOTIFY_SOCKET=ear.address, WATCHDOG_USEC=str(WATCHDOG_USEC))
    assert house.service is not None
    try:
        ready = ear.hear_until("READY=1")
        assert ready == [["READY=1", f"MAINPID={house.service.pid}"]], "the first word is that it is ready"

        beats = [time.monotonic() for _ in range(3) if ear.hear_until("WATCHDOG=1")]
        assert max(b - a for a, b in pairwise(beats)) < WATCHDOG_USEC / 1e6

        before = time.monotonic_ns() // 1000
        house.signal(signal.SIGHUP)
        begun = ear.hear_until("RELOADING=1")[-1]
        stamp = int(begun[1].removeprefix("MONOTONIC_USEC="))
        assert before <= stamp <= time.monotonic_ns() // 1000
        ear.hear_until("READY=1")

        house.signal(signal.SIGTERM)
        stopping = ear.hear_until("STOPPING=1")[-1]
        assert any(line.startswith("EXTEND_TIMEOUT_USEC=") for line in stopping)
        assert house.service.wait(PATIENCE) == 0
        assert ear.hear(0.1) == [], "nothing is said after the end"
    finally:
        house.close()


def test_what_the_manager_shows_is_not_as_old_as_the_watchdog_allows(tmp_path: Path) -> None:
    ear = Ear(str(tmp_path / "notify"))
    house = Household(tmp_path)
    (Path(os.fsdecode(house.root)) / "a.png").write_bytes(picture(1))
    house.start(ready=False, NOTIFY_SOCKET=ear.address, WATCHDOG_USEC=str(600 * 10**6))
    try:
        said = [lines for _ in range(2) for lines in ear.hear_until("WATCHDOG=1")]
        assert said[-1] == ["WATCHDOG=1", "STATUS=1 files read since the start"]
    finally:
        house.close()
        ear.close()


def test_a_reload_of_a_wrong_configuration_is_refused_and_the_service_lives_on(tmp_path: Path) -> None:
    ear = Ear(str(tmp_path / "notify"))
    house = Household(tmp_path)
    house.start(ready=False, NOTIFY_SOCKET=ear.address)
    try:
        ear.hear_until("READY=1")
        house.config_path.write_text(house.config_path.read_text() + "worker = 9\n")
        house.signal(signal.SIGHUP)
        ear.hear_until("RELOADING=1")
        ear.hear_until("READY=1")
        assert house.alive
        assert "reload_refused" in house.tail()
    finally:
        house.close()
        ear.close()


def test_a_manager_that_went_away_is_no_reason_to_fail(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    notify("READY=1")


def test_a_watchdog_of_another_process_is_not_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "3000000")
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
    assert watchdog_seconds() == 1.5
    monkeypatch.setenv("WATCHDOG_PID", str(os.getppid()))
    assert watchdog_seconds() is None
