"""Answers over a Unix socket in the state directory: one JSON object a line in, one out, for the owner only."""

import json
import os
import socket
import struct
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import structlog

from catalog.client.connection import CHUNK_BYTES, socket_address
from catalog.errors import CatalogError, ResourceError

MAX_CONNECTIONS = 16
BACKLOG = 64
MAX_REQUEST_BYTES = 8 << 20
IDLE_SECONDS = 10.0
PEER_CREDENTIALS = struct.Struct("3i")  # pid, uid, gid

Operation = Callable[[dict[str, Any]], Mapping[str, Any]]
log = structlog.get_logger()


class ApiServer:
    """Serves `operations` by name at `path`. An operation runs on a thread of its connection; 16 at most at a time."""

    def __init__(self, path: Path, operations: Mapping[str, Operation], idle_s: float = IDLE_SECONDS) -> None:
        self.path = path
        self._operations = operations
        self._idle_s = idle_s
        self._free = threading.Semaphore(MAX_CONNECTIONS)
        self._stopping = threading.Event()
        self._open: set[socket.socket] = set()
        self._listener: socket.socket | None = None

    def start(self) -> None:
        """Take the place of whatever socket lies there and listen.

        Raises:
            PlaceFault: the directory is absent or not writable, or something that is no socket stands there.
        """
        try:
            self._listener, self._inode = _listen(self.path)
        except OSError as error:
            raise ResourceError(
                f"cannot listen at {self.path}: {os.strerror(error.errno or 0).lower()}",
                "See that its directory is there, writable and not full, and that nothing but a socket has its name.",
            ) from error
        self._thread = threading.Thread(target=self._accept, args=(self._listener,), name="answer", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop listening, end the connections, remove the socket if it is still ours."""
        self._stopping.set()
        if self._listener is None:
            return
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for line in list(self._open):
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
        self._thread.join(self._idle_s)
        with suppress(OSError):
            if self.path.stat().st_ino == self._inode:
                self.path.unlink()

    def _accept(self, listener: socket.socket) -> None:
        while not self._stopping.is_set():
            if not self._free.acquire(timeout=1.0):
                continue  # those who wait, wait in the backlog
            try:
                line, _ = listener.accept()
            except OSError:
                self._free.release()
                self._stopping.wait(0.05)  # out of descriptors is no reason to spin
                continue
            self._open.add(line)
            try:
                threading.Thread(target=self._serve, args=(line,), name="answer-one", daemon=True).start()
            except RuntimeError:  # no thread to be had: the asker is hung up on, the next may fare better
                self._open.discard(line)
                line.close()
                self._free.release()

    def _serve(self, line: socket.socket) -> None:
        try:
            with line:
                line.settimeout(self._idle_s)
                if _is_authorized(line):
                    self._converse(line)
        except OSError:
            pass  # the peer left or fell silent: its own affair
        finally:
            self._open.discard(line)
            self._free.release()

    def _converse(self, line: socket.socket) -> None:
        held = b""
        while not self._stopping.is_set():
            while b"\n" not in held:
                part = line.recv(CHUNK_BYTES)
                if not part:
                    return
                held += part
                if len(held) > MAX_REQUEST_BYTES:
                    line.sendall(_encode(_error_response("the request is too long", "Ask for less at a time.")))
                    return
            request, held = held.split(b"\n", 1)
            answer = self._answer(request)
            line.sendall(_encode(answer))

    def _answer(self, request: bytes) -> dict[str, Any]:
        try:
            asked = json.loads(request)
            operation = self._operations[asked["op"]]
        except (ValueError, KeyError, TypeError, RecursionError):
            return _error_response(
                "the service does not understand the request", "Use a `catalog` of the same version."
            )
        try:
            return {"ok": True, **operation(asked)}
        except CatalogError as fault:
            return _error_response(fault.problem, fault.remedy)
        except Exception as error:
            log.exception("answer_failed", op=asked["op"])
            return _error_response(f"the service failed to answer: {error!r}", "See the service's log.")


def _listen(path: Path) -> tuple[socket.socket, int]:
    """The listener and its inode: born owner-only (bind takes the mode of the socket's own inode), and renamed into
    place only when it listens.
    """
    new = f"{path.name}.new"
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with suppress(FileNotFoundError):
            os.unlink(new, dir_fd=folder)
        os.fchmod(listener.fileno(), 0o600)
        listener.bind(socket_address(folder, new))
        listener.listen(BACKLOG)
        os.rename(new, path.name, src_dir_fd=folder, dst_dir_fd=folder)
        return listener, os.stat(path.name, dir_fd=folder).st_ino
    except OSError:
        listener.close()
        raise
    finally:
        os.close(folder)


def _is_authorized(line: socket.socket) -> bool:
    _, uid, _ = PEER_CREDENTIALS.unpack(line.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, PEER_CREDENTIALS.size))
    return uid in (0, os.geteuid())


def _error_response(problem: str, remedy: str) -> dict[str, Any]:
    return {"ok": False, "error": problem, "remedy": remedy}


def _encode(answer: dict[str, Any]) -> bytes:
    return json.dumps(answer).encode() + b"\n"
