import json
import os
import socket
import stat
import struct
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from catalog.client.service import ask_service, socket_address
from catalog.errors import ResourceError, UsageError
from daemon.api import listener, server
from daemon.api.server import MAX_CONNECTIONS, ApiServer
from tests.support.running_service import RunningService


def echo(request: dict[str, Any]) -> dict[str, Any]:
    return {"got": request.get("say")}


def refuse(_: dict[str, Any]) -> dict[str, Any]:
    raise UsageError("no such picture", "Look again.")


def fail(_: dict[str, Any]) -> dict[str, Any]:
    raise ZeroDivisionError("oh")


OPERATIONS = {"echo": echo, "refuse": refuse, "fail": fail}


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    api = ApiServer(tmp_path / "socket", OPERATIONS, idle_s=1.0)
    api.start()
    yield tmp_path
    api.stop()


def dial(state: Path) -> socket.socket:
    line = socket.socket(socket.AF_UNIX)
    line.settimeout(10)
    line.connect(str(state / "socket"))
    return line


def test_a_request_is_answered(state: Path) -> None:
    assert ask_service(state, {"op": "echo", "say": [1, "ü", None]}) == {"ok": True, "got": [1, "ü", None]}


def test_a_long_answer_arrives_whole(state: Path) -> None:
    words = "x" * 1_000_000
    assert ask_service(state, {"op": "echo", "say": words}) == {"ok": True, "got": words}


def test_an_error_carries_its_remedy(state: Path) -> None:
    assert ask_service(state, {"op": "refuse"}) == {"ok": False, "error": "no such picture", "remedy": "Look again."}


def test_an_unexpected_exception_is_reported_and_the_server_goes_on(state: Path) -> None:
    answer = ask_service(state, {"op": "fail"})
    assert answer is not None and not answer["ok"] and "ZeroDivisionError" in answer["error"]
    assert ask_service(state, {"op": "echo"}) == {"ok": True, "got": None}


@pytest.mark.parametrize(
    "sent",
    [
        b"\n",
        b"not json\n",
        b"[]\n",
        b"7\n",
        b'{"op": "absent"}\n',
        b'{"op": []}\n',
        b"{}\n",
        b"\xff\xfe\n",
        b"[" * 200_000 + b"\n",
    ],
)
def test_a_malformed_request_is_refused_and_the_connection_stays_open(state: Path, sent: bytes) -> None:
    with dial(state) as line, line.makefile("rb") as answers:
        line.sendall(sent)
        answer = json.loads(answers.readline())
        assert answer["ok"] is False and answer["remedy"]
        line.sendall(b'{"op": "echo", "say": 1}\n{"op": "echo", "say": 2}\n')  # two in one packet
        assert [json.loads(answers.readline())["got"] for _ in range(2)] == [1, 2]


def test_a_request_that_is_too_long_ends_the_connection(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "MAX_REQUEST_BYTES", 100_000)
    with dial(state) as line, line.makefile("rb") as answers:
        line.sendall(b"x" * 120_000)
        assert "too long" in json.loads(answers.readline())["error"]
        assert answers.readline() == b""
    assert ask_service(state, {"op": "echo"}) is not None


def test_a_client_that_hangs_up_midway_costs_only_its_connection(state: Path) -> None:
    with dial(state) as line:
        line.sendall(b'{"op": "ec')
    with dial(state) as line:
        line.sendall(b'{"op": "echo"}\n')
    assert ask_service(state, {"op": "echo"}) is not None


def test_a_thread_that_cannot_start_costs_only_its_connection(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refused)
        assert [ask_service(state, {"op": "echo"}) for _ in range(MAX_CONNECTIONS + 1)] == [None] * (
            MAX_CONNECTIONS + 1
        )
    assert ask_service(state, {"op": "echo"}) is not None


def test_idle_connections_are_closed_after_a_while(state: Path) -> None:
    silent = [dial(state) for _ in range(MAX_CONNECTIONS + 3)]
    assert ask_service(state, {"op": "echo", "say": 1}, timeout=10) == {"ok": True, "got": 1}
    for line in silent:
        line.close()


def test_at_most_sixteen_connections_are_served_at_a_time(tmp_path: Path) -> None:
    running, most, free, lock = [0], [0], threading.Event(), threading.Lock()

    def slow(_: dict[str, Any]) -> dict[str, Any]:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
            if running[0] == MAX_CONNECTIONS:
                free.set()
        free.wait(10)
        time.sleep(0.05)
        with lock:
            running[0] -= 1
        return {}

    api = ApiServer(tmp_path / "socket", {"slow": slow})
    api.start()
    answers: list[object] = []
    clients = [
        threading.Thread(target=lambda: answers.append(ask_service(tmp_path, {"op": "slow"}, timeout=20)))
        for _ in range(MAX_CONNECTIONS + 8)
    ]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    api.stop()
    assert answers == [{"ok": True}] * (MAX_CONNECTIONS + 8)
    assert most[0] == MAX_CONNECTIONS


def test_the_socket_is_owner_only_whatever_the_umask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    true_bind = socket.socket.bind

    class Watched(socket.socket):
        def bind(self, address: Any) -> None:
            true_bind(self, address)
            seen.append(stat.S_IMODE(os.stat(address).st_mode))

    monkeypatch.setattr(socket, "socket", Watched)
    before = os.umask(0)
    try:
        api = ApiServer(tmp_path / "socket", OPERATIONS)
        api.start()
    finally:
        os.umask(before)
    assert seen == [0o600]  # from birth, not a moment later
    assert stat.S_IMODE((tmp_path / "socket").stat().st_mode) == 0o600
    api.stop()


@pytest.mark.parametrize(("uid", "served"), [(0, True), (os.geteuid(), True), (4242, False)])
def test_another_user_is_not_served(state: Path, monkeypatch: pytest.MonkeyPatch, uid: int, served: bool) -> None:
    class Posing(struct.Struct):
        def unpack(self, buffer: Any) -> tuple[int, int, int]:
            return (1, uid, uid)

    monkeypatch.setattr(listener, "PEER_CREDENTIALS", Posing("3i"))
    assert (ask_service(state, {"op": "echo"}) is not None) == served


def test_a_stale_socket_is_replaced_and_our_own_is_removed_at_the_end(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(tmp_path / "socket"))
    assert ask_service(tmp_path, {"op": "echo"}) is None
    api = ApiServer(tmp_path / "socket", OPERATIONS)
    api.start()
    assert ask_service(tmp_path, {"op": "echo"}) is not None
    api.stop()
    assert list(tmp_path.iterdir()) == []
    assert ask_service(tmp_path, {"op": "echo"}) is None


def test_a_second_server_keeps_its_socket_when_the_first_stops(tmp_path: Path) -> None:
    first, second = (ApiServer(tmp_path / "socket", OPERATIONS) for _ in range(2))
    first.start()
    second.start()
    first.stop()
    assert ask_service(tmp_path, {"op": "echo"}) is not None
    second.stop()


def test_a_state_path_longer_than_a_socket_address_works(tmp_path: Path) -> None:
    deep = tmp_path
    while len(str(deep)) < 400:
        deep = deep / ("d" * 60)
    deep.mkdir(parents=True)
    api = ApiServer(deep / "socket", OPERATIONS)
    api.start()
    assert ask_service(deep, {"op": "echo", "say": 1}) == {"ok": True, "got": 1}
    api.stop()
    assert list(deep.iterdir()) == []


def test_a_missing_state_directory_is_an_error_for_the_server_and_no_service_for_the_client(tmp_path: Path) -> None:
    assert ask_service(tmp_path / "absent", {"op": "echo"}) is None
    api = ApiServer(tmp_path / "absent" / "socket", OPERATIONS)
    with pytest.raises(ResourceError, match="no such file"):
        api.start()
    api.stop()


def test_a_pass_that_cannot_listen_reports_the_cause(tmp_path: Path) -> None:
    """And it ends in order: stages that had started are stopped."""
    service = RunningService(tmp_path)
    socket_path = service.config.state / "socket"
    (socket_path / "in the way").mkdir(parents=True)
    done = service.once()
    assert done.returncode == 4
    assert f"error: cannot listen at {socket_path}: is a directory" in done.stderr
    assert "Traceback" not in done.stderr
    (socket_path / "in the way").rmdir()
    socket_path.rmdir()
    assert service.once().returncode == 0


@pytest.mark.parametrize("says", [b"", b"garbage\n", b"[1]\n", b'{"ok": true'])
def test_the_client_survives_malformed_answers(tmp_path: Path, says: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        listener.listen()

        def serve() -> None:
            line, _ = listener.accept()
            with line:
                line.recv(1000)
                line.sendall(says)

        thread = threading.Thread(target=serve)
        thread.start()
        assert ask_service(tmp_path, {"op": "echo"}, timeout=2) is None
        thread.join()


def test_the_client_respects_its_timeout(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        listener.listen()
        began = time.monotonic()
        assert ask_service(tmp_path, {"op": "echo"}, timeout=0.1) is None
        assert time.monotonic() - began < 5


def test_no_descriptor_is_left_open(state: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        ask_service(state, {"op": "echo"})
        ask_service(state / "absent", {"op": "echo"})
    give_up = time.monotonic() + 10
    while len(os.listdir("/proc/self/fd")) > before:  # its side of the last line closes a moment later
        assert time.monotonic() < give_up
        time.sleep(0.01)


def test_the_address_names_the_open_directory() -> None:
    assert socket_address(7) == "/proc/self/fd/7/socket"
