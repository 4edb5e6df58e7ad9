"""Whether a service works on this catalog, asked of its lock and not of a pid file that may lie.

Where the service's own program lies.
"""

import fcntl
import os
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from catalog.errors import ResourceError
from catalog.state_dir import LOCK


def service_program() -> Path:
    """`catalogd` beside the `catalog` that was typed, or where this Python keeps its scripts. Raises PlaceFault."""
    for folder in (Path(sys.argv[0]).absolute().parent, Path(sysconfig.get_path("scripts"))):
        if (folder / "catalogd").is_file():
            return folder / "catalogd"
    raise ResourceError("`catalogd` is not beside `catalog`", "Install the package again: `pip install catalogd`.")


def service_running(state: Path) -> bool:
    """True while a service holds the lock."""
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
    """Holds the service's own lock, so that none starts meanwhile; False where one runs. Raises PlaceFault."""
    try:
        handle = os.open(state / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ResourceError(
            f"cannot write in {state}: {os.strerror(error.errno or 0).lower()}", "Run it as the catalog's owner."
        ) from error
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
