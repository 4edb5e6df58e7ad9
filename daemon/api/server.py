"""The server at the Unix socket in the state directory: one JSON object per line in each direction."""

import json
import socket
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import structlog

from catalog.client.protocol import ErrorAnswer
from catalog.client.service import CHUNK_BYTES
from catalog.errors import CatalogError, resource_errors
from daemon.api.listener import Listener, is_authorized, listen_at
from daemon.api.requests import Operation

MAX_CONNECTIONS = 16
MAX_REQUEST_BYTES = 8 << 20
IDLE_SECONDS = 10.0
log = structlog.get_logger()


class ApiServer:
    """Serves `operations` by name at `path`. Each connection has a thread, and at most 16 are served at a time."""

    def __init__(self, path: Path, operations: Mapping[str, Operation], idle_s: float = IDLE_SECONDS) -> None:
        self.path = path
        self._operations = operations
        self._idle_s = idle_s
        self._free = threading.Semaphore(MAX_CONNECTIONS)
        self._stopping = threading.Event()
        self._connections: set[socket.socket] = set()
        self._listener: Listener | None = None

    def start(self) -> None:
        """Listen, in place of whatever socket is at the path. Raises ResourceError if that is not possible."""
        with resource_errors(
            f"cannot listen at {self.path}",
            "Check that its directory exists, is writable and not full, and that no other file has its name.",
        ):
            self._listener = listen_at(self.path)
        self._thread = threading.Thread(target=self._accept, args=(self._listener.socket,), name="answer", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop listening, end the connections, and remove the socket if it is still our own."""
        self._stopping.set()
        if self._listener is None:
            return
        with suppress(OSError):
            self._listener.socket.shutdown(socket.SHUT_RDWR)
        self._listener.socket.close()
        for connection in list(self._connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._thread.join(self._idle_s)
        with suppress(OSError):
            if self.path.stat().st_ino == self._listener.inode:
                self.path.unlink()

    def _accept(self, listening: socket.socket) -> None:
        while not self._stopping.is_set():
            if not self._free.acquire(timeout=1.0):
                continue  # further clients wait in the backlog
            try:
                connection, _ = listening.accept()
            except OSError:
                self._free.release()
                self._stopping.wait(0.05)  # do not spin, for example while out of file descriptors
                continue
            self._connections.add(connection)
            try:
                threading.Thread(target=self._serve, args=(connection,), name="answer-one", daemon=True).start()
            except RuntimeError:  # no thread could be started: hang up, the next client may fare better
                self._connections.discard(connection)
                connection.close()
                self._free.release()

    def _serve(self, connection: socket.socket) -> None:
        try:
            with connection:
                connection.settimeout(self._idle_s)
                if is_authorized(connection):
                    self._answer_requests(connection)
        except OSError:
            pass  # the client left, or was silent for too long
        finally:
            self._connections.discard(connection)
            self._free.release()

    def _answer_requests(self, connection: socket.socket) -> None:
        received = b""
        while not self._stopping.is_set():
            while b"\n" not in received:
                chunk = connection.recv(CHUNK_BYTES)
                if not chunk:
                    return
                received += chunk
                if len(received) > MAX_REQUEST_BYTES:
                    connection.sendall(_encode(_error("the request is too long", "Send fewer items at a time.")))
                    return
            line, received = received.split(b"\n", 1)
            connection.sendall(_encode(self._answer(line)))

    def _answer(self, line: bytes) -> Mapping[str, Any]:
        try:
            request = json.loads(line)
            operation = self._operations[request["op"]]
        except (ValueError, KeyError, TypeError, RecursionError):
            return _error("the service does not understand the request", "Use a `catalog` of the same version.")
        try:
            return {"ok": True, **operation(request)}
        except CatalogError as error:
            return _error(error.problem, error.remedy)
        except Exception as error:
            log.exception("answer_failed", op=request["op"])
            return _error(f"the service failed to answer: {error!r}", "See the service's log.")


def _error(problem: str, remedy: str) -> ErrorAnswer:
    return {"ok": False, "error": problem, "remedy": remedy}


def _encode(answer: Mapping[str, Any]) -> bytes:
    return json.dumps(answer).encode() + b"\n"
