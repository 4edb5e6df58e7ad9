"""Limits of a scrub: its rate, its budget, and its pace. Pure functions: the time is an argument."""

PLANNED_SHARE = 0.9  # a round is planned a tenth shorter than configured, for days when the machine is off


class TokenBucket:
    """A rate limit: `rate` bytes per second on average, `burst` bytes at once; a rate of 0 means no limit.

    The token bucket as a virtual schedule (ITU-T I.371, annex A: the generic cell rate algorithm), which needs one
    number and no timer.
    """

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = burst
        self._due = float("-inf")

    def take(self, amount: int, now: float) -> float:
        """Take `amount` bytes; return the seconds to wait before reading them."""
        if not self._rate:
            return 0.0
        start = max(self._due, now - self._burst / self._rate)
        self._due = start + amount / self._rate
        return max(0.0, start - now)


def fits_budget(size: int, spent: int, limit: int) -> bool:
    """Return whether a file fits the budget. One larger than the whole budget fits, or it would never be read."""
    return limit > 0 and (spent == 0 or spent + size <= limit)


def pause_seconds(size: int, total: int, days: float, oldest: float) -> float:
    """Return the seconds from one file to the next, so that `total` bytes are spread evenly over `days`.

    `size`: bytes of the file just read. `oldest`: age in days of the oldest reading. Once it exceeds `days`, the round
    is late: there is no pause, and only the rate limit and the budget apply.
    """
    if oldest > days or not total:
        return 0.0
    return 86400.0 * days * PLANNED_SHARE * size / total
