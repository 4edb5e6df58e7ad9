"""Send one request over the service's socket and read the answer."""

import json
import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from catalog.state_dir import SOCKET

CHUNK_BYTES = 1 << 16


def socket_address(folder: int, name: str = SOCKET) -> str:
    """Return the socket's address through an open directory: a path may exceed the 108 bytes of sun_path."""
    return f"/proc/self/fd/{folder}/{name}"


def ask_service(state: Path, request: Mapping[str, Any], timeout: float = 5.0) -> dict[str, Any] | None:
    """Send a request and return the answer; None if no service answers in time (`timeout`: seconds for each wait)."""
    try:
        folder = os.open(state, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(timeout)
            connection.connect(socket_address(folder))
            connection.sendall(json.dumps(request).encode() + b"\n")
            answer = json.loads(_read_line(connection))
    except (OSError, ValueError):
        return None
    finally:
        os.close(folder)
    return answer if isinstance(answer, dict) else None


def _read_line(connection: socket.socket) -> bytes:
    parts: list[bytes] = []
    while not parts or not parts[-1].endswith(b"\n"):
        part = connection.recv(CHUNK_BYTES)
        if not part:
            raise ConnectionError("the service closed the connection")
        parts.append(part)
    return b"".join(parts)
