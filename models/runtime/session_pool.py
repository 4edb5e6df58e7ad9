"""A pool of sessions on several devices: each takes the next part of a batch as soon as it is free."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import Protocol

import numpy as np

from models.runtime.session import Session


class ModelSession(Protocol):
    """A loaded model on one device or several; the attributes are those of `Session`."""

    provider: str
    devices: tuple[int, ...]

    @property
    def batch(self) -> int:
        """Images per call."""

    @property
    def warning(self) -> str:
        """A warning that must be shown prominently, or ""."""

    def run(self, pixels: np.ndarray) -> np.ndarray:
        """Map uint8 [B, H, W, 3] to unit vectors, float32 [B, dims]."""


class SessionPool:
    """Sessions of one bundle, each on its own device, used like one session whose batch is the sum of theirs.

    Nothing is queued between calls: a call returns when its last part is done, with vectors in the order of the images.
    """

    def __init__(self, sessions: Sequence[Session]) -> None:
        """`sessions`: at least one, all on the same provider."""
        self._sessions = tuple(sessions)
        self._threads = ThreadPoolExecutor(len(sessions), thread_name_prefix="device")
        self.provider = sessions[0].provider
        self.devices = tuple(device for session in sessions for device in session.devices)

    @property
    def batch(self) -> int:
        """Images for one batch on every device."""
        return sum(session.batch for session in self._sessions)

    @property
    def warning(self) -> str:
        """The warnings of all sessions, or ""."""
        return "; ".join(session.warning for session in self._sessions if session.warning)

    def run(self, pixels: np.ndarray) -> np.ndarray:
        """Map uint8 [B, H, W, 3] to unit vectors, float32 [B, dims]. Raises the first error of a device."""
        results: dict[int, np.ndarray] = {}  # vectors by the index of their first image
        lock, position = Lock(), 0

        def run_batches(session: Session) -> None:
            nonlocal position
            while True:
                size = session.batch
                with lock:
                    start, position = position, position + size
                if start >= len(pixels):
                    return
                results[start] = session.run(pixels[start : start + size])

        tasks = [self._threads.submit(run_batches, session) for session in self._sessions]
        errors = [error for task in tasks if (error := task.exception())]
        if errors:
            raise errors[0]
        return np.concatenate([results[start] for start in sorted(results)])
