"""The lock that allows one service per catalog. The kernel releases it when the process ends, however it ends."""

import fcntl
import os
import time
from pathlib import Path

from catalog.errors import StoreError, resource_errors
from catalog.state_dir import LOCK

LOCK_WAIT_SECONDS = 0.5


def take_lock(state: Path) -> int:
    """Create the state directory if it is missing and lock it; return the descriptor that holds the lock.

    Raises StoreError if another service holds the lock, ResourceError if the directory cannot be used.
    """
    with resource_errors(
        f"cannot use the state directory {state}",
        "Make it a directory that this user owns and can write to, or set another `state` in the configuration.",
    ):
        state.mkdir(parents=True, exist_ok=True, mode=0o700)
        fd = os.open(state / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _lock(fd)
    except BlockingIOError as error:
        owner = os.pread(fd, 20, 0).decode("ascii", "replace").strip() or "unknown"
        os.close(fd)
        raise StoreError(
            f"another catalogd (pid {owner}) is using {state}", "Use the running one, or stop it first."
        ) from error
    with resource_errors(f"cannot write in {state}", "Free some space; nothing was lost."):
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
    return fd


def _lock(fd: int) -> None:
    """Lock, retrying for a moment: `catalog status` holds it for microseconds to find out whether a service runs."""
    deadline = time.monotonic() + LOCK_WAIT_SECONDS
    while True:
        try:
            return fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
