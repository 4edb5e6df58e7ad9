"""The journal: the owner's choices as JSON lines, so that they survive the loss of the database.

Committed entries are never removed. A choice is written here before it is committed to the database, so the journal is
never behind. In the reverse order, a label found in only one of the two after a crash could be a new or a removed one.
"""

import fcntl
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from catalog.errors import ResourceError, error_text
from catalog.filesystem.atomic_write import fsync_directory, inherit_owner
from catalog.state_dir import JOURNAL

JournalEntry = dict[str, Any]


class JournalError(ResourceError):
    """The journal cannot be read or written. The database is unchanged."""


class WrittenRange(NamedTuple):
    """The range of appended entries: the size of the file before and after, in bytes."""

    start: int
    end: int


def append(state: Path, entries: Iterable[JournalEntry]) -> WrittenRange | None:
    """Append entries and sync the file. Each entry has at least `at` and `kind`.

    Return the written range for `undo_append`; None if there are no entries. Raises JournalError if the entries could
    not be written; the journal is unchanged.
    """
    lines = b"".join(json.dumps(entry).encode("ascii") + b"\n" for entry in entries)
    if not lines:
        return None
    path = state / JOURNAL
    try:
        return _append(path, lines)
    except OSError as error:
        raise JournalError(
            f"your choice could not be written to {path}: {error_text(error)}",
            f"Nothing was changed. Free some space in {state}, check that it is writable, and repeat the command.",
        ) from error


def undo_append(state: Path, written: WrittenRange) -> bool:
    """Remove entries that could not be committed to the database; return False if they have to stay.

    They stay if another process appended meanwhile, or the file cannot be written. Then the next start of the service
    applies them. Never raises.
    """
    try:
        with (state / JOURNAL).open("rb+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if os.fstat(file.fileno()).st_size != written.end:
                return False
            os.ftruncate(file.fileno(), written.start)
            os.fsync(file.fileno())
    except OSError:
        return False
    return True


def _append(path: Path, lines: bytes) -> WrittenRange:
    is_new = not path.exists()
    handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        size = os.fstat(handle).st_size
        torn = size > 0 and os.pread(handle, 1, size - 1) != b"\n"
        try:
            _write_all(handle, (b"\n" if torn else b"") + lines)
            os.fsync(handle)
            written = WrittenRange(size, os.fstat(handle).st_size)
        except OSError:
            with suppress(OSError):
                os.ftruncate(handle, size)
            raise
    finally:
        os.close(handle)
    if is_new:
        inherit_owner(path)
        fsync_directory(path.parent)
    return written


def _write_all(handle: int, data: bytes) -> None:
    while data:
        data = data[os.write(handle, data) :]


def read(state: Path) -> Iterator[JournalEntry]:
    """Yield all entries but torn or damaged lines, oldest first. Raises JournalError if the file is unreadable."""
    path = state / JOURNAL
    try:
        with path.open("rb") as file:
            for line in file:
                entry = _parse_entry(line)
                if entry is not None:
                    yield entry
    except FileNotFoundError:
        return
    except OSError as error:
        raise JournalError(
            f"the journal {path} cannot be read: {error_text(error)}",
            "Make it readable for this user, or replace it with a copy.",
        ) from error


def _parse_entry(line: bytes) -> JournalEntry | None:
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) and isinstance(entry.get("kind"), str) else None


def format_timestamp(at: float) -> str:
    """Return a time (seconds since the epoch) in ISO 8601, UTC, to the millisecond.

    A time outside the years 1 to 9999, which the date of a file may be, becomes `@SECONDS`, as `date -d` accepts it.
    """
    try:
        return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    except (OverflowError, ValueError, OSError):
        return f"@{at:.0f}"


def parse_timestamp(text: str) -> float:
    """Return seconds since the epoch for a `format_timestamp`. Raises ValueError."""
    return datetime.fromisoformat(text).timestamp()
