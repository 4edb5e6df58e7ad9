"""The files that workers are reading, kept in a file: if the whole service dies, one of them may be the cause.

Each worker has a slot of 8 bytes, written in place in microseconds, where a commit takes a thousand times longer.
The file need not survive a power cut, since no decoder causes one.
"""

import os
import struct
from contextlib import suppress
from pathlib import Path

from catalog.state_dir import IN_FLIGHT

SLOT = struct.Struct("<q")


class InFlightFiles:
    """One slot per worker, with the row id of the file that it reads."""

    def __init__(self, state: Path) -> None:
        self._handle = os.open(state / IN_FLIGHT, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def pop_leftover(self) -> list[int]:
        """Return the files that were being read when the last service died, and clear all slots."""
        data = os.pread(self._handle, 1 << 16, 0)
        whole = data[: len(data) // SLOT.size * SLOT.size]
        os.ftruncate(self._handle, 0)
        return [file for (file,) in SLOT.iter_unpack(whole) if file]

    def set(self, slot: int, file: int) -> None:
        """Record that the worker in `slot` reads `file`; 0 for none."""
        with suppress(OSError):  # only evidence: a full disk is reported by the writers that cannot do without it
            os.pwrite(self._handle, SLOT.pack(file), slot * SLOT.size)

    def close(self) -> None:
        """Clear all slots, for an orderly stop."""
        with suppress(OSError):
            os.ftruncate(self._handle, 0)
        os.close(self._handle)
