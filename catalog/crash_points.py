"""Named points at which a crash test kills the process.

A test cannot stop a thread between two statements from outside, and a mock does not behave like a killed process. So
the points are in the product; each costs one comparison.
"""

import os
import signal

_NAME, _, _COUNT = os.environ.get("CATALOGD_KILL_AT", "").partition(":")
_left = int(_COUNT or 1)


def crash_point(name: str) -> None:
    """Kill this process at the Nth call, if `CATALOGD_KILL_AT=name:N` is set."""
    global _left
    if name != _NAME:
        return
    _left -= 1
    if _left <= 0:
        os.kill(os.getpid(), signal.SIGKILL)
