"""Limits for processes that decode files: a hostile file can harm only its own process.

Every process that decodes calls `confine`: the workers of the service and of a label import, the process that makes
thumbnails, and the child in which a command reads a single file (`run_confined`).
"""

import ctypes
import os
import resource
import select
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

PR_SET_PDEATHSIG = 1  # linux/prctl.h
CHUNK_BYTES = 1 << 20
END_MARK = b"done"  # ends the result; one without it is incomplete


class ConfinedError(Exception):
    """The child returned no result. The text says how it ended."""


def die_with_parent() -> None:
    """Have the kernel kill this process when its parent ends (PR_SET_PDEATHSIG, prctl(2)). Forks do not inherit this.

    Otherwise a process that hangs in a decoder would outlive a parent that was killed.
    """
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def confine(memory: int, *, may_write: bool) -> None:
    """Limit this process for the rest of its life: `memory` bytes more than now, no core dump, an end with its parent.

    The limit on address space turns a decompression bomb into a MemoryError. `may_write`: a process that reads the
    catalog has to write SQLite's write-ahead log; any other gets a file size limit of 0 bytes.
    """
    die_with_parent()
    limits = [(resource.RLIMIT_CORE, 0), (resource.RLIMIT_AS, _address_space() + memory)]
    if not may_write:
        limits.append((resource.RLIMIT_FSIZE, 0))
    for kind, limit in limits:
        resource.setrlimit(kind, (limit, limit))
    with suppress(OSError):
        # If the machine runs out of memory nevertheless, the kernel ends this process first.
        Path("/proc/self/oom_score_adj").write_text("1000")


def run_confined(work: Callable[[], bytes], memory: int, seconds: float) -> bytes:
    """Call `work` in a confined child process and return its result.

    The child gets `memory` bytes and `seconds` of time. Its result is bytes, which are not interpreted here. A fork
    takes a few milliseconds; a new interpreter would take a tenth of a second. Raises ConfinedError if the child died,
    raised, or took longer.
    """
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        _run_in_child(work, write_end, memory)
    os.close(write_end)
    try:
        result = _read_all(read_end, time.monotonic() + seconds)
    finally:
        os.close(read_end)
        os.kill(child, signal.SIGKILL)  # the result is complete, or is not waited for any more
        _, status = os.waitpid(child, 0)
    if result is None:
        raise ConfinedError(f"it took longer than {seconds:g} s")
    if not result.endswith(END_MARK):
        died = os.WIFSIGNALED(status) and os.WTERMSIG(status)
        raise ConfinedError(f"the decoder was killed by {signal.Signals(died).name}" if died else "the decoder failed")
    return result.removesuffix(END_MARK)


def _run_in_child(work: Callable[[], bytes], pipe: int, memory: int) -> NoReturn:
    """Write the result and exit at once, without the exit handlers that the parent registered."""
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent is interrupted, and kills this process
        confine(memory, may_write=False)
        with open(pipe, "wb", buffering=0, closefd=False) as out:
            for part in (work(), END_MARK):
                view = memoryview(part)
                while view:
                    view = view[out.write(view) or 0 :]
    finally:
        os._exit(0)


def _read_all(pipe: int, deadline: float) -> bytes | None:
    """Return everything up to the end of the stream; None if it does not end in time."""
    parts: list[bytes] = []
    while True:
        ready, _, _ = select.select([pipe], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            return None
        part = os.read(pipe, CHUNK_BYTES)
        if not part:
            return b"".join(parts)
        parts.append(part)


def _address_space() -> int:
    """Return the bytes of address space that this process uses now."""
    pages, *_ = Path("/proc/self/statm").read_text().split()
    return int(pages) * resource.getpagesize()
