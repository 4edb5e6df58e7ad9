"""One model on several devices: each takes the next piece of a batch as soon as it is free."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import Protocol

import numpy as np

from models.runtime.session import Session


class ModelSession(Protocol):
    """A model that is ready, on one device or on several. The names mean what they mean in `Session`."""

    provider: str
    devices: tuple[int, ...]

    @property
    def batch(self) -> int:
        """Images a call."""

    @property
    def warning(self) -> str:
        """A word that must be shown loudly, or ""."""

    def run(self, pixels: np.ndarray) -> np.ndarray:
        """uint8 [B, H, W, 3] to float32 [B, dims], each of length 1."""


class SessionPool:
    """Sessions of one bundle, each on a device of its own, seen from outside as one with the batches of all together.

    Nothing waits in here: a call returns when its last piece is done, with the vectors in the order of the pictures.
    """

    def __init__(self, sessions: Sequence[Session]) -> None:
        """At least one, all of one provider."""
        self._sessions = tuple(sessions)
        self._threads = ThreadPoolExecutor(len(sessions), thread_name_prefix="device")
        self.provider = sessions[0].provider
        self.devices = tuple(device for session in sessions for device in session.devices)

    @property
    def batch(self) -> int:
        """Images that keep every device busy once."""
        return sum(session.batch for session in self._sessions)

    @property
    def warning(self) -> str:
        """What the devices' sessions say, or ""."""
        return "; ".join(session.warning for session in self._sessions if session.warning)

    def run(self, pixels: np.ndarray) -> np.ndarray:
        """uint8 [B, H, W, 3] to float32 [B, dims]. Raises what the first device raised that failed."""
        line = _WorkQueue(pixels)
        tasks = [self._threads.submit(line.serve, session) for session in self._sessions]
        errors = [error for task in tasks if (error := task.exception())]
        if errors:
            raise errors[0]
        return np.concatenate([line.done[start] for start in sorted(line.done)])


class _WorkQueue:
    """The pictures of one call, and which of them are taken. `done`: vectors by the place of their first picture."""

    def __init__(self, pixels: np.ndarray) -> None:
        self._pixels = pixels
        self._next = 0
        self._lock = Lock()
        self.done: dict[int, np.ndarray] = {}

    def serve(self, session: Session) -> None:
        """Until nothing is left."""
        while True:
            size = session.batch
            with self._lock:
                start, self._next = self._next, self._next + size
            if start >= len(self._pixels):
                return
            self.done[start] = session.run(self._pixels[start : start + size])
