"""One service for one catalog: a lock that the kernel drops with the process, however it ends."""

import fcntl
import os
import time
from pathlib import Path

from catalog.errors import ResourceError, StoreError
from catalog.state_dir import LOCK

LOCK_WAIT_SECONDS = 0.5


def take_lock(state: Path) -> int:
    """Make the state directory if need be and lock it; returns the handle that holds the lock.

    Raises StoreFault if another service has it, PlaceFault where the directory cannot be used.
    """
    try:
        state.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(state / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ResourceError(
            f"cannot use the state directory {state}: {os.strerror(error.errno or 0).lower()}",
            "Make it and give it to this user, or set another `state` in the configuration.",
        ) from error
    try:
        _lock(handle)
    except BlockingIOError as error:
        owner = os.pread(handle, 20, 0).decode("ascii", "replace").strip() or "unknown"
        os.close(handle)
        raise StoreError(
            f"another catalogd (pid {owner}) works on {state}", "Ask that one, or stop it first."
        ) from error
    try:
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
    except OSError as error:
        raise ResourceError(
            f"cannot write in {state}: {os.strerror(error.errno or 0).lower()}", "Free some space; nothing was lost."
        ) from error
    return handle


def _lock(handle: int) -> None:
    """Try for a moment: `catalog status` holds the lock for microseconds when it asks whether a service runs."""
    deadline = time.monotonic() + LOCK_WAIT_SECONDS
    while True:
        try:
            return fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
