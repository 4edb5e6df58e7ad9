"""Notice work that waits and does not advance: a decoder that never answers, a disk that hangs, a stuck thread."""

import time
from collections.abc import Callable, Hashable, Mapping

STALL_SECONDS = 900.0  # well above what one file, one directory or one commit may take


class StallMonitor:
    """Call `observe` regularly, from one thread; `problem` may be read from any. `limit`: in seconds."""

    def __init__(self, limit: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit, self._clock = limit, clock
        self._since: dict[str, tuple[Hashable, float]] = {}
        self.problem = ""

    def observe(self, work: Mapping[str, Hashable]) -> None:
        """Compare the work at hand with the last observation.

        `work`: for each kind of work that waits, a value that changes whenever it advances.
        """
        now = self._clock()
        last = self._since
        self._since = {
            kind: last[kind] if kind in last and last[kind][0] == mark else (mark, now) for kind, mark in work.items()
        }
        stuck = {kind: now - since for kind, (_, since) in self._since.items() if now - since >= self._limit}
        longest = max(stuck, key=lambda kind: stuck[kind], default=None)
        self.problem = f"{longest} has not advanced for {stuck[longest] / 60:.0f} minutes" if longest else ""
