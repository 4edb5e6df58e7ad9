"""The kernel's inotify queue: add a watch, remove it, read events. See inotify(7)."""

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
# No MODIFY: one event a write(), 30 for a file of 300 kB out of tar, where CLOSE_WRITE is one a file. No ATTRIB: it
# reports touch and chmod, which change no content, and cp -p or tar would then queue 3 to 4 events a file instead
# of 2, in a queue of 16,384. What only these two report (truncate by path, chmod back to readable) waits for the scan.
CHANGE_MASK = CLOSE_WRITE | MOVED_FROM | MOVED_TO | CREATE | DELETE

# A buffer for about a quarter of the default queue: fewer, larger reads empty it faster than a storm fills it.
_BUFFER_BYTES = 256 * 1024
_MAX_EVENT_BYTES = 16 + 256  # an event with a name of 255 bytes
_HEADER = struct.Struct("iIII")

InotifyEvent = tuple[int, int, int, bytes]
"""Watch descriptor, mask, cookie, name (empty when the event is about the watched directory itself)."""

_libc = ctypes.CDLL(None, use_errno=True)
_libc.inotify_add_watch.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_uint32)
_libc.inotify_rm_watch.argtypes = (ctypes.c_int, ctypes.c_int)


class Inotify:
    """One inotify instance. Not thread-safe, except `wake`, `kernel_watch_count` and reading `closed`.

    `drained_at`: when `read` last left the queue empty, in monotonic seconds.
    """

    def __init__(self) -> None:
        """Open an instance. Raises OSError with the remedy: EMFILE when instances or open files are used up."""
        try:
            self._fd = _raise_on_error(_libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK))
        except OSError as error:
            if error.errno == errno.EMFILE:
                raise OSError(errno.EMFILE, "raise fs.inotify.max_user_instances (sysctl) or LimitNOFILE") from error
            raise
        self._wake_fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._poll = select.poll()
        self._poll.register(self._fd, select.POLLIN)
        self._poll.register(self._wake_fd, select.POLLIN)
        self.closed = False
        self.drained_at = 0.0

    def add_watch(self, path: bytes, *, root: bool = False) -> int:
        """Watch a directory and return the watch descriptor, the same one if it is watched already.

        A `root` may be a symbolic link, and its own deletion or rename is reported as well. Raises OSError: ENOSPC at
        `fs.inotify.max_user_watches`, EACCES, ENOENT, ENOTDIR (also for a symbolic link).
        """
        flags = DELETE_SELF | MOVE_SELF if root else _DONT_FOLLOW
        mask = CHANGE_MASK | _ONLYDIR | _EXCL_UNLINK | flags
        return _raise_on_error(_libc.inotify_add_watch(self._fd, path, mask))

    def remove_watch(self, wd: int) -> None:
        """Remove a watch, unless the kernel has removed it already. Queues an IGNORED event."""
        with suppress(OSError):
            _raise_on_error(_libc.inotify_rm_watch(self._fd, wd))

    def read(self, timeout: float) -> list[InotifyEvent]:
        """Return queued events, after waiting at most `timeout` seconds for the first one or for `wake`."""
        ready = {fd for fd, _ in self._poll.poll(max(0.0, timeout) * 1000)}
        if self._wake_fd in ready:
            os.eventfd_read(self._wake_fd)
        began = time.monotonic()
        data = os.read(self._fd, _BUFFER_BYTES) if self._fd in ready else b""
        if len(data) <= _BUFFER_BYTES - _MAX_EVENT_BYTES:
            self.drained_at = began
        return parse_events(data)

    def wake(self) -> None:
        """End a `read` that waits in another thread."""
        if not self.closed:
            os.eventfd_write(self._wake_fd, 1)

    def kernel_watch_count(self) -> int:
        """Count the watches that the kernel holds for this instance, which may be fewer than we added."""
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
        """Remove every watch at once: closing is far cheaper than removing them one by one."""
        if not self.closed:
            self.closed = True
            os.close(self._fd)
            os.close(self._wake_fd)


def parse_events(buffer: bytes) -> list[InotifyEvent]:
    """Return the events of one read(); the kernel never splits an event across two reads."""
    events: list[InotifyEvent] = []
    at, end = 0, len(buffer)
    while at < end:
        wd, mask, cookie, length = _HEADER.unpack_from(buffer, at)
        at += 16 + length
        events.append((wd, mask, cookie, buffer[at - length : at].rstrip(b"\0")))
    return events


def _raise_on_error(result: int) -> int:
    if result >= 0:
        return result
    number = ctypes.get_errno() or errno.EIO
    raise OSError(number, os.strerror(number))
