"""Bytes paths for people and for JSON. A name may hold a newline, an escape sequence, or bytes that are no text.

A moment as people and scripts read it.
"""

import time


def format_utc(seconds: float) -> str:
    """ISO 8601 in UTC, to the second."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def printable_path(path: bytes) -> str:
    """For a terminal: text as it is, control characters and stray bytes escaped, so that no name can forge a line."""
    text = path.decode("utf-8", "surrogateescape")
    return "".join(c if c.isprintable() else _escape(c) for c in text)


def _escape(char: str) -> str:
    code = ord(char)
    return f"\\x{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF else char.encode("unicode_escape").decode("ascii")


def path_text(path: bytes) -> str:
    """For JSON: surrogateescape, from which `os.fsencode` gives back the very bytes."""
    return path.decode("utf-8", "surrogateescape")


def printable_text(path: str) -> str:
    """For a terminal, from the text that `text` made."""
    return printable_path(path.encode("utf-8", "surrogateescape"))
