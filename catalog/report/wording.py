"""Numbers, dates and durations in sentences. Pure."""

import time

DAY_SECONDS = 86400.0


def pluralize(count: int, noun: str, plural: str = "") -> str:
    """Return `1 file`, `2,000 files` or `no files`."""
    word = noun if count == 1 else plural or f"{noun}s"
    return f"{count:,} {word}" if count else f"no {word}"


def attention_summary(count: int) -> str:
    """Return how many things need attention, as a sentence without its full stop."""
    if not count:
        return "Nothing needs your attention"
    return f"{pluralize(count, 'thing')} {'needs' if count == 1 else 'need'} your attention"


def period_text(since: float) -> str:
    """Return `since 21 November 2026, 06:30`; `the first report` for 0."""
    return f"since {format_local_time(since)}" if since else "the first report"


def format_change(now: float, before: float | None) -> str:
    """Return `+12`, `-3` or `=`; "" if the earlier value is unknown."""
    if before is None:
        return ""
    return f"{now - before:+,.0f}" if now != before else "="


def format_local_date(at: float) -> str:
    """Return the local date, YYYY-MM-DD."""
    return time.strftime("%Y-%m-%d", time.localtime(at))


def format_utc_date(day: int) -> str:
    """Return the date of a day counted from the epoch in UTC, YYYY-MM-DD."""
    return time.strftime("%Y-%m-%d", time.gmtime(day * DAY_SECONDS))


def format_local_time(at: float) -> str:
    """Return the local time, such as `21 November 2026, 06:30`."""
    local = time.localtime(at)
    return f"{local.tm_mday} {time.strftime('%B %Y, %H:%M', local)}"


def format_duration(seconds: float) -> str:
    """Return `5 minutes`, `3 hours` or `12 days`; `less than a minute`."""
    for unit, length in (("day", DAY_SECONDS), ("hour", 3600.0)):
        if seconds >= 2 * length:
            return pluralize(round(seconds / length), unit)
    return pluralize(round(seconds / 60), "minute") if seconds >= 60 else "less than a minute"
