"""Figures and days as a sentence has them. Pure."""

import time

DAY_SECONDS = 86400.0


def pluralize(count: int, noun: str, plural: str = "") -> str:
    """`1 file`, `2,000 files`; `no files`."""
    word = noun if count == 1 else plural or f"{noun}s"
    return f"{count:,} {word}" if count else f"no {word}"


def format_change(now: float, before: float | None) -> str:
    """`+12`, `-3`, `=`; "" where nothing is known of before."""
    if before is None:
        return ""
    return f"{now - before:+,.0f}" if now != before else "="


def format_local_date(at: float) -> str:
    """The local date, YYYY-MM-DD."""
    return time.strftime("%Y-%m-%d", time.localtime(at))


def format_utc_date(number: int) -> str:
    """The date of a day that is counted from the epoch in UTC."""
    return time.strftime("%Y-%m-%d", time.gmtime(number * DAY_SECONDS))


def format_local_time(at: float) -> str:
    """Local time as people write it: `21 November 2026, 06:30`."""
    local = time.localtime(at)
    return f"{local.tm_mday} {time.strftime('%B %Y, %H:%M', local)}"


def format_duration(seconds: float) -> str:
    """`5 minutes`, `3 hours`, `12 days`; `less than a minute`."""
    for unit, length in (("day", DAY_SECONDS), ("hour", 3600.0)):
        if seconds >= 2 * length:
            return pluralize(round(seconds / length), unit)
    return pluralize(round(seconds / 60), "minute") if seconds >= 60 else "less than a minute"
