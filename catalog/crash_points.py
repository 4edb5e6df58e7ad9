"""Named points at which a crash test kills the process for real.

A wrapper from outside cannot reach between two statements of a thread, and a mock would not die as a killed
process does; so the points are in the product, and cost one comparison each.
"""

import os
import signal

_NAME, _, _COUNT = os.environ.get("CATALOGD_KILL_AT", "").partition(":")
_left = int(_COUNT or 1)


def crash_point(name: str) -> None:
    """Die here if `CATALOGD_KILL_AT=name:N` asked for it, at the Nth passage."""
    global _left
    if name != _NAME:
        return
    _left -= 1
    if _left <= 0:
        os.kill(os.getpid(), signal.SIGKILL)
