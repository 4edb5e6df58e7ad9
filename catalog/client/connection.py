"""One request over the service's socket, one answer back."""

import json
import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from catalog.state_dir import SOCKET

CHUNK_BYTES = 1 << 16


def socket_address(folder: int, name: str = SOCKET) -> str:
    """The socket's address through an open directory: a state path may be longer than the 108 bytes of sun_path."""
    return f"/proc/self/fd/{folder}/{name}"


def ask_service(state: Path, request: Mapping[str, Any], timeout: float = 5.0) -> dict[str, Any] | None:
    """One request, one answer. None when no service answers there in time (seconds, for each wait)."""
    try:
        folder = os.open(state, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
            line.settimeout(timeout)
            line.connect(socket_address(folder))
            line.sendall(json.dumps(request).encode() + b"\n")
            answer = json.loads(_read_line(line))
    except (OSError, ValueError):
        return None
    finally:
        os.close(folder)
    return answer if isinstance(answer, dict) else None


def _read_line(line: socket.socket) -> bytes:
    parts: list[bytes] = []
    while not parts or not parts[-1].endswith(b"\n"):
        part = line.recv(CHUNK_BYTES)
        if not part:
            raise ConnectionError("the service hung up")
        parts.append(part)
    return b"".join(parts)
