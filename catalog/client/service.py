"""Requests to the running service, over its socket. Cheap to import: every command needs it."""

import json
import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from catalog.client.protocol import (
    Request,
    ScrubAnswer,
    ScrubBegun,
    SimilarAnswer,
    StatusAnswer,
    WordsAnswer,
    decode_array,
    encode_array,
)
from catalog.errors import StoreError
from catalog.state_dir import SOCKET

if TYPE_CHECKING:
    import numpy as np

CHUNK_BYTES = 1 << 16
STATUS_SECONDS = 2.0
TEXT_SECONDS = 60.0  # the service may load its text model first


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
            with connection.makefile("rb", CHUNK_BYTES) as stream:
                answer = json.loads(stream.readline())
    except (OSError, ValueError):
        return None
    finally:
        os.close(folder)
    return answer if isinstance(answer, dict) else None


class ServiceClient:
    """Requests to the service that works on a state directory.

    Each method returns None if no service answers in time or it refuses: the caller has a fallback. A scrub has none,
    so its refusals are raised.
    """

    def __init__(self, state: Path) -> None:
        self._state = state

    def status(self) -> StatusAnswer | None:
        """Return what only the running service knows."""
        return cast("StatusAnswer | None", self._ask({"op": "status"}, STATUS_SECONDS))

    def reload(self) -> bool:
        """Ask for a reload of the configuration; return whether a service did so."""
        return self._ask({"op": "reload"}) is not None

    def similar(self, model: str, vector: "np.ndarray", k: int) -> SimilarAnswer | None:
        """Return the `k` contents nearest to `vector` (float32 [D], unit length), by the service's index."""
        wire = encode_array(vector.astype("<f4"))
        return cast("SimilarAnswer | None", self._ask({"op": "similar", "model": model, "vector": wire, "k": k}))

    def embed(self, model: str, pixels: "np.ndarray") -> "np.ndarray | None":
        """Return the vector, float32 [D], of pixels, uint8 [height, width, 3]."""
        import numpy as np

        answer = self._ask({"op": "embed", "model": model, "pixels": encode_array(pixels)})
        return None if answer is None else decode_array(answer["vector"], np.float32)

    def words(self, texts: list[str]) -> WordsAnswer | None:
        """Return vectors of texts, by whatever text model the service has: `tower` says which."""
        return cast("WordsAnswer | None", self._ask({"op": "words", "texts": texts}, TEXT_SECONDS))

    def scrub(self, timeout: float = 5.0) -> ScrubAnswer | None:
        """Return the progress of the scrub. Raises StoreError if the service refuses."""
        return cast("ScrubAnswer | None", self._scrub({"op": "scrub"}, timeout))

    def begin_scrub(self, limit: int | None) -> ScrubBegun | None:
        """Begin a scrub of `limit` bytes, None for tonight's budget, or join the running one. Raises StoreError."""
        return cast("ScrubBegun | None", self._scrub({"op": "scrub", "begin": True, "limit": limit}))

    def cancel_scrub(self, run: int) -> None:
        """Cancel a run."""
        self._ask({"op": "scrub", "cancel": run})

    def _scrub(self, request: Request, timeout: float = 5.0) -> dict[str, Any] | None:
        answer = ask_service(self._state, request, timeout)
        if answer is not None and not answer.get("ok"):
            raise StoreError(str(answer.get("error")), str(answer.get("remedy")))
        return answer

    def _ask(self, request: Request, timeout: float = 5.0) -> dict[str, Any] | None:
        answer = ask_service(self._state, request, timeout)
        return answer if answer is not None and answer.get("ok") else None
