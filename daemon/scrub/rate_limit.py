"""How fast a scrub may go and how far. Pure: the time is an argument."""

PLANNED_SHARE = 0.9  # a round is planned a tenth shorter than the owner's days, for nights without a running machine


class TokenBucket:
    """A rate limit: `rate` bytes a second in the long run, `burst` bytes at once; a rate of 0 is none.

    The token bucket as a virtual schedule (ITU-T I.371, annex A: the generic cell rate algorithm), which needs one
    number and no timer.
    """

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = burst
        self._due = float("-inf")

    def take(self, amount: int, now: float) -> float:
        """Take so many bytes; returns the seconds to wait before using them."""
        if not self._rate:
            return 0.0
        start = max(self._due, now - self._burst / self._rate)
        self._due = start + amount / self._rate
        return max(0.0, start - now)


def fits_budget(size: int, spent: int, limit: int) -> bool:
    """Whether a file is within the budget. One that alone is more than all of it is read, or it never would be."""
    return limit > 0 and (spent == 0 or spent + size <= limit)


def pause_seconds(size: int, total: int, days: float, oldest: float) -> float:
    """Seconds from one file to the next, so that `total` bytes take as many days, spread evenly.

    size: bytes of the file just read. oldest: age in days of the oldest reading: once that is beyond `days`, the plan
    is behind, and only the rate limit and the budget hold it back.
    """
    if oldest > days or not total:
        return 0.0
    return 86400.0 * days * PLANNED_SHARE * size / total
