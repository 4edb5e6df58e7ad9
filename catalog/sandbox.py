"""Limits for a process that decodes files, which may be hostile: a file costs that process and nothing else.

Every process that decodes calls `confine`: the service's workers, the readers of a label import, the process that makes
thumbnails, and the child in which a command reads a file that it was asked about (`run_confined`).
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
CHUNK = 1 << 20
DONE = b"done"  # ends an answer: one that is cut was not finished


class ConfinedError(Exception):
    """The child gave no answer: how it ended, in words."""


def die_with_parent() -> None:
    """End this process when its parent ends; a fork does not inherit it. See PR_SET_PDEATHSIG in prctl(2).

    Without it a process that hangs in a decoder would outlive a parent that was killed.
    """
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def confine(memory: int, *, may_write: bool) -> None:
    """Limit this process for the rest of its life: `memory` bytes more than now, no core dump, an end with its parent.

    A limit on address space turns a decompression bomb into a MemoryError. `may_write`: a process that reads the
    catalog needs the files of SQLite's write-ahead log; any other gets a file size limit of 0 bytes.
    """
    die_with_parent()
    limits = [(resource.RLIMIT_CORE, 0), (resource.RLIMIT_AS, _address_space() + memory)]
    if not may_write:
        limits.append((resource.RLIMIT_FSIZE, 0))
    for kind, most in limits:
        resource.setrlimit(kind, (most, most))
    with suppress(OSError):
        # Should the machine run out of memory all the same, the kernel is to end this process and no other.
        Path("/proc/self/oom_score_adj").write_text("1000")


def run_confined(work: Callable[[], bytes], memory: int, seconds: float) -> bytes:
    """Return what `work` returns, called in a confined child of this process.

    The child gets `memory` bytes and `seconds` of time. Its answer is bytes, which are not interpreted here.
    A fork costs some milliseconds, where a new interpreter would take a tenth of a second.

    Raises:
        ConfinedError: the child died, raised, or took longer.
    """
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        _serve(work, theirs, memory)
    os.close(theirs)
    try:
        answer = _read(ours, time.monotonic() + seconds)
    finally:
        os.close(ours)
        os.kill(child, signal.SIGKILL)  # the answer is whole, or nobody waits for it any more
        _, status = os.waitpid(child, 0)
    if answer is None:
        raise ConfinedError(f"it took longer than {seconds:g} s")
    if not answer.endswith(DONE):
        died = os.WIFSIGNALED(status) and os.WTERMSIG(status)
        raise ConfinedError(f"the decoder was ended by {signal.Signals(died).name}" if died else "the decoder failed")
    return answer.removesuffix(DONE)


def _serve(work: Callable[[], bytes], pipe: int, memory: int) -> NoReturn:
    """Answer and end at once: nothing that the parent registered for its own end may run here."""
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the command itself is interrupted, and ends us
        confine(memory, may_write=False)
        with open(pipe, "wb", buffering=0, closefd=False) as out:
            for part in (work(), DONE):
                view = memoryview(part)
                while view:
                    view = view[out.write(view) or 0 :]
    finally:
        os._exit(0)


def _read(pipe: int, deadline: float) -> bytes | None:
    """Everything up to the end of the stream; None where it does not come in time."""
    parts: list[bytes] = []
    while True:
        ready, _, _ = select.select([pipe], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            return None
        part = os.read(pipe, CHUNK)
        if not part:
            return b"".join(parts)
        parts.append(part)


def _address_space() -> int:
    """Bytes of address space that this process has now."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    return pages * resource.getpagesize()
