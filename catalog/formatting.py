"""Format paths and times for people and for JSON.

A file name may contain a newline, an escape sequence, or bytes that are not UTF-8.
"""

import time


def format_utc(seconds: float) -> str:
    """Return a time (seconds since the epoch) in ISO 8601, UTC, to the second."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def format_utc_or_none(seconds: float | None) -> str | None:
    """Return a time as `format_utc` does; None for None."""
    return None if seconds is None else format_utc(seconds)


def format_interval(figure: list[float | None]) -> str:
    """Return a metric [value, low, high] with its interval; `-` if it could not be computed."""
    value, low, high = figure
    return "-" if value is None else f"{value:.3f} ({low:.3f} … {high:.3f})"


def printable_path(path: bytes) -> str:
    """Return a path for a terminal. Control characters and invalid bytes are escaped: no name can forge a line."""
    text = path.decode("utf-8", "surrogateescape")
    return "".join(c if c.isprintable() else _escape(c) for c in text)


def _escape(char: str) -> str:
    code = ord(char)
    return f"\\x{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF else char.encode("unicode_escape").decode("ascii")


def path_text(path: bytes) -> str:
    """Return a path for JSON, with surrogateescape: `os.fsencode` restores the exact bytes."""
    return path.decode("utf-8", "surrogateescape")


def printable_text(path: str) -> str:
    """Return a `path_text` for a terminal."""
    return printable_path(path.encode("utf-8", "surrogateescape"))
