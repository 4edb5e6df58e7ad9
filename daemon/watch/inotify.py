"""The kernel's inotify queue, raw: add a watch, give it up, read what happened. See inotify(7)."""

import ctypes
import errno
import os
import select
import struct
import time
from contextlib import suppress

CLOSE_WRITE = 0x8
MOVED_FROM = 0x40
MOVED_TO = 0x80
CREATE = 0x100
DELETE = 0x200
DELETE_SELF = 0x400
MOVE_SELF = 0x800
Q_OVERFLOW = 0x4000
IGNORED = 0x8000
ISDIR = 0x40000000

_ONLYDIR, _DONT_FOLLOW, _EXCL_UNLINK = 0x01000000, 0x02000000, 0x04000000

# No OPEN, ACCESS, CLOSE_NOWRITE: our own reads and walks would fill the queue that we read.
# No MODIFY: one record a write(), 30 for a file of 300 kB out of tar, where CLOSE_WRITE is one a file. No ATTRIB: it
# tells of touch and chmod, which change no content, and cp -p or tar would then queue 3 to 4 records a file instead
# of 2, in a queue of 16,384. What only these two tell (truncate by path, chmod back to readable) waits for the scan.
CHANGE_MASK = CLOSE_WRITE | MOVED_FROM | MOVED_TO | CREATE | DELETE

# A buffer that takes about a quarter of the default queue: fewer, larger reads empty it faster than a storm fills it.
_BUFFER_BYTES = 256 * 1024
_MAX_EVENT_BYTES = 16 + 256  # bytes of a record with a name of 255
_HEADER = struct.Struct("iIII")

InotifyEvent = tuple[int, int, int, bytes]
"""Watch descriptor, mask, cookie, name (empty when the record is about the watched directory itself)."""

_libc = ctypes.CDLL(None, use_errno=True)
_libc.inotify_add_watch.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_uint32)
_libc.inotify_rm_watch.argtypes = (ctypes.c_int, ctypes.c_int)


class Inotify:
    """One inotify instance. Not thread-safe, except `wake`, `kernel_count` and reading `closed`."""

    def __init__(self) -> None:
        """Raises OSError with the remedy: EMFILE when the user's instances, or this process's files, are used up."""
        try:
            self._fd = _raise_on_error(_libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK))
        except OSError as error:
            if error.errno == errno.EMFILE:
                raise OSError(errno.EMFILE, "raise fs.inotify.max_user_instances (sysctl) or LimitNOFILE") from error
            raise
        self._bell = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._poll = select.poll()
        self._poll.register(self._fd, select.POLLIN)
        self._poll.register(self._bell, select.POLLIN)
        self.closed = False
        self.emptied = 0.0  # when a `read` last left nothing in the queue, in monotonic seconds

    def add(self, path: bytes, *, root: bool = False) -> int:
        """Watches a directory, or finds the watch it already has; gives the watch descriptor.

        A `root` may be a symbolic link and reports its own end as well. Raises OSError: ENOSPC at
        `fs.inotify.max_user_watches`, EACCES, ENOENT, ENOTDIR (also for a symbolic link).
        """
        flags = DELETE_SELF | MOVE_SELF if root else _DONT_FOLLOW
        mask = CHANGE_MASK | _ONLYDIR | _EXCL_UNLINK | flags
        return _raise_on_error(_libc.inotify_add_watch(self._fd, path, mask))

    def give_up(self, wd: int) -> None:
        """Removes a watch; one that the kernel has removed already is fine. Queues an IGNORED record."""
        with suppress(OSError):
            _raise_on_error(_libc.inotify_rm_watch(self._fd, wd))

    def read(self, timeout: float) -> list[InotifyEvent]:
        """What is queued, after waiting at most `timeout` seconds for the first record or for `wake`."""
        ready = {fd for fd, _ in self._poll.poll(max(0.0, timeout) * 1000)}
        if self._bell in ready:
            os.eventfd_read(self._bell)
        began = time.monotonic()
        data = os.read(self._fd, _BUFFER_BYTES) if self._fd in ready else b""
        if len(data) <= _BUFFER_BYTES - _MAX_EVENT_BYTES:
            self.emptied = began
        return parse_events(data)

    def wake(self) -> None:
        """Ends a `read` that is waiting in another thread."""
        if not self.closed:
            os.eventfd_write(self._bell, 1)

    def kernel_count(self) -> int:
        """How many watches the kernel holds for this instance: the truth, where a Python dictionary is a belief."""
        if self.closed:
            return 0
        count, tail = 0, b""
        with suppress(OSError), open(f"/proc/self/fdinfo/{self._fd}", "rb", buffering=0) as table:
            while chunk := table.read(1 << 20):
                text = tail + chunk
                count += text.count(b"inotify wd:")
                tail = text[-len(b"inotify wd:") + 1 :]
        return count

    def close(self) -> None:
        """Gives every watch back at once: closing is far cheaper than removing them one by one."""
        if not self.closed:
            self.closed = True
            os.close(self._fd)
            os.close(self._bell)


def parse_events(buffer: bytes) -> list[InotifyEvent]:
    """The records of one read(); the kernel never splits a record across two reads."""
    records: list[InotifyEvent] = []
    at, end = 0, len(buffer)
    while at < end:
        wd, mask, cookie, length = _HEADER.unpack_from(buffer, at)
        at += 16 + length
        records.append((wd, mask, cookie, buffer[at - length : at].rstrip(b"\0")))
    return records


def _raise_on_error(result: int) -> int:
    if result >= 0:
        return result
    number = ctypes.get_errno() or errno.EIO
    raise OSError(number, os.strerror(number))
