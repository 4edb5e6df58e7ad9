"""Whether a service works on this catalog, asked of its lock and not of a pid file that may lie."""

import fcntl
import os
from pathlib import Path


def running(state: Path) -> bool:
    """True while a service holds the lock."""
    try:
        handle = os.open(state / "lock", os.O_RDONLY | os.O_CLOEXEC)
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
