"""The service's process: where its program is, and whether it runs, by its lock rather than a stale pid file."""

import fcntl
import os
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from catalog.errors import ResourceError, resource_errors
from catalog.state_dir import LOCK


def service_program() -> Path:
    """Return the path of `catalogd`, beside this `catalog` or among Python's scripts. Raises ResourceError."""
    for folder in (Path(sys.argv[0]).absolute().parent, Path(sysconfig.get_path("scripts"))):
        if (folder / "catalogd").is_file():
            return folder / "catalogd"
    raise ResourceError("`catalogd` is not beside `catalog`", "Install the package again: `pip install catalogd`.")


def service_running(state: Path) -> bool:
    """Return whether a service holds the lock."""
    try:
        handle = os.open(state / LOCK, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(handle)
    return False


@contextmanager
def service_lock(state: Path) -> Iterator[bool]:
    """Hold the service's lock, so that no service starts; yield False if one is running. Raises ResourceError."""
    with resource_errors(f"cannot write in {state}", "Run it as the owner of the catalog."):
        handle = os.open(state / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        yield _try_lock(handle)
    finally:
        os.close(handle)


def _try_lock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
