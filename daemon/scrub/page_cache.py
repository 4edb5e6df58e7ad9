"""Restore the kernel's page cache after a scrub: drop the pages that it read in, keep those that were there before."""

import ctypes
import mmap
import os

import numpy as np

PAGE_BYTES = mmap.PAGESIZE
_libc = ctypes.CDLL(None, use_errno=True)


class PageCacheSnapshot:
    """The pages of an open file that are cached before it is read; `clear` drops the others.

    `owned`: whether the file is our own user's. Since Linux 5.2, mincore(2) reports every page of another user's file
    as cached. All pages of such a file are dropped: the owner may lose one cached file, but not the whole cache.
    """

    def __init__(self, handle: int, size: int, owned: bool) -> None:
        self._handle = handle
        before = cached_pages(handle, size) if owned and size else None
        self._before = before if before is not None and before.any() else None

    def clear(self, start: int, end: int) -> None:
        """Drop the pages from byte `start`, a multiple of the page size, up to byte `end`."""
        for first, last in self._uncached_before(start // PAGE_BYTES, -(-end // PAGE_BYTES)):
            os.posix_fadvise(self._handle, first * PAGE_BYTES, (last - first) * PAGE_BYTES, os.POSIX_FADV_DONTNEED)

    def _uncached_before(self, first: int, last: int) -> list[tuple[int, int]]:
        """Return the half-open ranges of pages between `first` and `last` that were not cached before."""
        if self._before is None:
            return [(first, last)]
        absent = ~self._before[first:last]
        edges = np.flatnonzero(np.diff(absent.astype(np.int8), prepend=0, append=0))
        return [(first + int(start), first + int(end)) for start, end in edges.reshape(-1, 2)]


def cached_pages(handle: int, size: int) -> "np.ndarray[tuple[int], np.dtype[np.bool_]] | None":
    """Return for each page of a file whether it is cached, or None if the kernel does not say. Reads no page."""
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
