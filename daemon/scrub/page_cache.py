"""Leave the kernel's page cache as it was: what a scrub brought in goes, what others keep there stays."""

import ctypes
import mmap
import os

import numpy as np

PAGE_BYTES = mmap.PAGESIZE
_libc = ctypes.CDLL(None, use_errno=True)


class PageCacheSnapshot:
    """Which pages of an open file were cached before it was read; `clear` lets go of the others.

    `told` says whether the kernel tells us: since Linux 5.2, mincore(2) calls every page of another user's file
    cached. Then all that we read is let go; it is at most what one file holds, against a cache full of ours.
    """

    def __init__(self, handle: int, size: int, told: bool) -> None:
        self._handle = handle
        before = cached_pages(handle, size) if told and size else None
        self._before = before if before is not None and before.any() else None

    def clear(self, start: int, end: int) -> None:
        """Let go of the pages from byte `start`, a multiple of a page, up to byte `end`."""
        for first, last in self._ours(start // PAGE_BYTES, -(-end // PAGE_BYTES)):
            os.posix_fadvise(self._handle, first * PAGE_BYTES, (last - first) * PAGE_BYTES, os.POSIX_FADV_DONTNEED)

    def _ours(self, first: int, last: int) -> list[tuple[int, int]]:
        """Runs of pages, half-open, that were not cached before."""
        if self._before is None:
            return [(first, last)]
        absent = ~self._before[first:last]
        edges = np.flatnonzero(np.diff(absent.astype(np.int8), prepend=0, append=0))
        return [(first + int(a), first + int(b)) for a, b in edges.reshape(-1, 2)]


def cached_pages(handle: int, size: int) -> "np.ndarray[tuple[int], np.dtype[np.bool_]] | None":
    """For each page of a file, whether it is cached. None where it cannot be told. Touches no page."""
    try:
        mapping = mmap.mmap(handle, size, prot=mmap.PROT_READ)
    except (OSError, ValueError):
        return None
    try:
        pages = np.zeros(-(-size // PAGE_BYTES), np.uint8)
        view = np.frombuffer(mapping, np.uint8)
        address, length = ctypes.c_void_p(view.ctypes.data), ctypes.c_size_t(size)
        failed = _libc.mincore(address, length, ctypes.c_void_p(pages.ctypes.data))
        del view
        return None if failed else (pages & 1).astype(np.bool_)
    finally:
        mapping.close()
