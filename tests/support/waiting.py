"""Wait for a condition with a deadline, instead of sleeping for a fixed time."""

import time
from collections.abc import Callable

TIMEOUT_SECONDS = 60.0  # only a failing test waits this long


def wait_until(condition: Callable[[], object], seconds: float = TIMEOUT_SECONDS) -> bool:
    """Poll until the condition holds; return False if it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
