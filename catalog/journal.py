"""The owner's choices as plain text, one JSON object a line: what nobody can compute again outlives the database.

What was committed is never taken out of it. A choice is written here before it is committed to the database, so the
journal is never behind; the other order would leave open, after a crash, whether a label that only one of both has
was taken back.
"""

import fcntl
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from catalog.errors import ResourceError
from catalog.filesystem.atomic_write import fsync_directory, inherit_owner
from catalog.state_dir import JOURNAL

JournalEntry = dict[str, Any]


class JournalError(ResourceError):
    """The journal cannot be read or written. The database is not touched by that."""


def journal_path(state: Path) -> Path:
    """Where the journal of this state directory lies."""
    return state / JOURNAL


class WrittenRange(NamedTuple):
    """Where entries were written, as the file's size before and after, in bytes."""

    start: int
    end: int


def append(state: Path, entries: Iterable[JournalEntry]) -> WrittenRange | None:
    """Write entries at the end; they are on the disk when this returns. Each has at least `at` and `kind`.

    Returns where, for `withdraw`; None where there was nothing to write.

    Raises:
        JournalFault: it could not be written; the journal is as it was.
    """
    lines = b"".join(json.dumps(entry).encode("ascii") + b"\n" for entry in entries)
    if not lines:
        return None
    path = journal_path(state)
    try:
        return _append(path, lines)
    except OSError as error:
        raise JournalError(
            f"the choice could not be written to {path}: {os.strerror(error.errno or 0).lower()}",
            f"Free some space in {state} and see that it is writable; nothing was changed.",
        ) from error


def undo_append(state: Path, written: WrittenRange) -> bool:
    """Take back what was written last, since it could not be committed; False where it has to stay: others wrote too.

    Then the next start carries it out. Never raises.
    """
    try:
        with journal_path(state).open("rb+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if os.fstat(file.fileno()).st_size != written.end:
                return False
            os.ftruncate(file.fileno(), written.start)
            os.fsync(file.fileno())
    except OSError:
        return False
    return True


def _append(path: Path, lines: bytes) -> WrittenRange:
    fresh = not path.exists()
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
    if fresh:
        inherit_owner(path)
        fsync_directory(path.parent)
    return written


def _write_all(handle: int, data: bytes) -> None:
    while data:
        data = data[os.write(handle, data) :]


def read(state: Path) -> Iterator[JournalEntry]:
    """All entries, oldest first; none where there is no journal. A torn or damaged line is passed over.

    Raises:
        JournalFault: the file cannot be read.
    """
    path = journal_path(state)
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
            f"the journal {path} cannot be read: {os.strerror(error.errno or 0).lower()}",
            "Give it to this user, or put a copy of it in its place.",
        ) from error


def _parse_entry(line: bytes) -> JournalEntry | None:
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) and isinstance(entry.get("kind"), str) else None


def format_timestamp(at: float) -> str:
    """Seconds since the epoch as the journal writes them: ISO 8601 in UTC, to the millisecond.

    Outside the years 1 to 9999, as the date of a file may be, it is `@SECONDS`, which `date -d` understands.
    """
    try:
        return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    except (OverflowError, ValueError, OSError):
        return f"@{at:.0f}"


def parse_timestamp(text: str) -> float:
    """What `iso` wrote, back in seconds. Raises ValueError."""
    return datetime.fromisoformat(text).timestamp()
