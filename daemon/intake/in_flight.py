"""Which files workers hold right now, in a file that outlives us: evidence should the whole service die of one.

One 8-byte slot a worker, written in place: microseconds a task, where a commit would cost a thousand times more.
It need not outlive a power cut, since no decoder causes one.
"""

import os
import struct
from contextlib import suppress
from pathlib import Path

from catalog.state_dir import IN_HAND

SLOT = struct.Struct("<q")


class InFlightFiles:
    """Slots of the live workers."""

    def __init__(self, state: Path) -> None:
        self._handle = os.open(state / IN_HAND, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def left_over(self) -> list[int]:
        """Files that were in hand when the last service died; the slots are cleared."""
        data = os.pread(self._handle, 1 << 16, 0)
        whole = data[: len(data) // SLOT.size * SLOT.size]
        os.ftruncate(self._handle, 0)
        return [file for (file,) in SLOT.iter_unpack(whole) if file]

    def hold(self, slot: int, file: int) -> None:
        """The worker of this slot turns to `file`; 0: to nothing."""
        with suppress(OSError):  # it is evidence and no more: a full disk is told by what cannot do without
            os.pwrite(self._handle, SLOT.pack(file), slot * SLOT.size)

    def close(self) -> None:
        """An orderly end: nothing is in hand."""
        with suppress(OSError):
            os.ftruncate(self._handle, 0)
        os.close(self._handle)
