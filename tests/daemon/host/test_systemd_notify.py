"""sd_notify on a real socket: every message of the service from start to stop."""

import os
import signal
import socket
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from daemon.host.systemd_notify import notify, watchdog_seconds
from tests.support.running_service import RunningService, picture

WATCHDOG_USEC = 2_000_000
TIMEOUT_SECONDS = 30.0


class ManagerSocket:
    """The service manager's end of the socket."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("\0" + address[1:] if address.startswith("@") else address)

    def receive(self, seconds: float) -> list[str]:
        """Return the lines of the next message; [] if none arrived in time."""
        self._socket.settimeout(max(seconds, 0.001))
        try:
            return self._socket.recv(4096).decode().split("\n")
        except TimeoutError:
            return []

    def receive_until(self, line: str) -> list[list[str]]:
        """Return all messages up to the first that contains this line."""
        heard: list[list[str]] = []
        end = time.monotonic() + TIMEOUT_SECONDS
        while time.monotonic() < end:
            heard.append(self.receive(end - time.monotonic()))
            if line in heard[-1]:
                return heard
        raise AssertionError(f"never heard {line}, but {heard}")

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ManagerSocket]:
    """Yield a manager that listens."""
    listening = ManagerSocket(str(tmp_path / "notify") if request.param == "path" else f"@catalogd-test-{os.getpid()}")
    yield listening
    listening.close()


def test_the_messages_from_start_to_stop(tmp_path: Path, manager: ManagerSocket) -> None:
    service = RunningService(tmp_path)
    service.path("a.png").write_bytes(picture(1))
    service.start(ready=False, NOTIFY_SOCKET=manager.address, WATCHDOG_USEC=str(WATCHDOG_USEC))
    assert service.process is not None
    try:
        ready = manager.receive_until("READY=1")
        assert ready == [["READY=1", f"MAINPID={service.process.pid}"]], "the first word is that it is ready"

        beats = [time.monotonic() for _ in range(3) if manager.receive_until("WATCHDOG=1")]
        assert max(b - a for a, b in pairwise(beats)) < WATCHDOG_USEC / 1e6

        before = time.monotonic_ns() // 1000
        service.signal(signal.SIGHUP)
        begun = manager.receive_until("RELOADING=1")[-1]
        stamp = int(begun[1].removeprefix("MONOTONIC_USEC="))
        assert before <= stamp <= time.monotonic_ns() // 1000
        manager.receive_until("READY=1")

        service.signal(signal.SIGTERM)
        stopping = manager.receive_until("STOPPING=1")[-1]
        assert any(line.startswith("EXTEND_TIMEOUT_USEC=") for line in stopping)
        assert service.process.wait(TIMEOUT_SECONDS) == 0
        assert manager.receive(0.1) == [], "no message after the end"
    finally:
        service.close()


def test_the_status_is_updated_more_often_than_the_watchdog_requires(tmp_path: Path) -> None:
    manager = ManagerSocket(str(tmp_path / "notify"))
    service = RunningService(tmp_path)
    service.path("a.png").write_bytes(picture(1))
    service.start(ready=False, NOTIFY_SOCKET=manager.address, WATCHDOG_USEC=str(600 * 10**6))
    try:
        said = [lines for _ in range(2) for lines in manager.receive_until("WATCHDOG=1")]
        assert said[-1] == ["WATCHDOG=1", "STATUS=1 files read since the start"]
    finally:
        service.close()
        manager.close()


def test_a_reload_of_an_invalid_configuration_is_refused_and_the_service_continues(tmp_path: Path) -> None:
    manager = ManagerSocket(str(tmp_path / "notify"))
    service = RunningService(tmp_path)
    service.start(ready=False, NOTIFY_SOCKET=manager.address)
    try:
        manager.receive_until("READY=1")
        service.config_path.write_text(service.config_path.read_text() + "worker = 9\n")
        service.signal(signal.SIGHUP)
        manager.receive_until("RELOADING=1")
        manager.receive_until("READY=1")
        assert service.alive
        assert "reload_refused" in service.tail()
    finally:
        service.close()
        manager.close()


def test_notify_does_not_fail_without_a_manager(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    notify("READY=1")


def test_the_watchdog_of_another_process_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "3000000")
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
    assert watchdog_seconds() == 1.5
    monkeypatch.setenv("WATCHDOG_PID", str(os.getppid()))
    assert watchdog_seconds() is None
