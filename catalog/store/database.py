"""The connection to the SQLite file. Only this module uses apsw; its errors are translated into ours here."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any, Self

import apsw

from catalog.errors import CatalogError, ResourceError, StoreError, UnstorableValueError, resource_errors
from catalog.filesystem.atomic_write import file_size, inherit_owner, replace_durably
from catalog.store.migrations import (
    APPLICATION_ID,
    NEWER_VERSION,
    RECOVER_REMEDY,
    migrate,
    refuse_if_lost,
    require_current_version,
)
from catalog.store.schema import MIGRATIONS

BUSY_TIMEOUT_MS = 15_000  # well above the longest transaction of the writer
VALUES_PER_QUERY = 500
COPY_STEP_PAGES = 256  # 4 MiB; a copy can be stopped between steps

Row = tuple[Any, ...]


class TaskStopped(Exception):
    """A long task was asked to stop before it was done. This is not an error: it leaves nothing behind."""


def _never() -> bool:
    return False


def _translated_error(error: Exception, path: Path) -> CatalogError:
    # An integer of more than 64 bits, text that is not Unicode, or a value that violates a constraint.
    if isinstance(error, OverflowError | UnicodeEncodeError | apsw.TooBigError | apsw.ConstraintError):
        return UnstorableValueError(
            f"the catalog cannot store this value: {error}", "This is a bug; please report it with the log."
        )
    if isinstance(error, apsw.FullError):
        return ResourceError(f"the disk of {path.parent} is full", "Free some space; nothing was lost.")
    if isinstance(error, apsw.CorruptError | apsw.NotADBError):
        return StoreError(f"the catalog {path} is damaged: {error}", RECOVER_REMEDY)
    if isinstance(error, apsw.BusyError | apsw.LockedError):
        return StoreError(f"the catalog {path} is locked", "Another program is writing to it; end that program.")
    if isinstance(error, apsw.ReadOnlyError | apsw.CantOpenError | apsw.PermissionsError | apsw.IOError):
        return ResourceError(
            f"cannot use the catalog {path}: {error}",
            f"Check that {path.parent} exists, is writable for this user, and that its disk is healthy.",
        )
    return StoreError(
        f"a statement failed on the catalog {path}: {error}", "This is a bug; please report it with the log."
    )


class Database:
    """One connection. `write=False` opens read-only and never waits for the writer (WAL).

    A writer creates the tables and migrates older ones after a backup. If the file is missing but there are traces of
    a catalog, opening fails, unless `restoring` says that a new file is intended.
    """

    def __init__(self, path: Path, *, write: bool, restoring: bool = False) -> None:
        self.path = path
        flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE if write else apsw.SQLITE_OPEN_READONLY
        size = file_size(path)
        if not size and not restoring:
            refuse_if_lost(path)
        if size is None and not write:
            raise ResourceError(
                f"there is no catalog at {path}", "Start `catalogd`, or run `catalogd --once`: it creates one."
            )
        with self._translate_errors():
            self._connection = apsw.Connection(os.fspath(path), flags=flags)
            self._connection.set_busy_timeout(BUSY_TIMEOUT_MS)
            if write:
                self._prepare()
                migrate(self, preserve=not restoring)
            else:
                require_current_version(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _prepare(self) -> None:
        run = self._connection.execute
        run("PRAGMA page_size = 16384")  # float16 vectors waste half of a 4 KiB page; must precede WAL
        run("PRAGMA journal_mode = WAL")
        run("PRAGMA synchronous = NORMAL")
        run("PRAGMA foreign_keys = ON")
        run("PRAGMA journal_size_limit = 67108864")
        run("PRAGMA cache_size = -8192")  # the kernel's page cache holds the rest

    @contextmanager
    def _translate_errors(self) -> Iterator[None]:
        try:
            yield
        except apsw.Error as error:
            raise _translated_error(error, self.path) from error

    def rows(self, sql: str, *values: object) -> list[Row]:
        """Return all rows of a query. The cursor is closed at once: an open one would let the WAL grow."""
        try:  # not _translate_errors(), which takes as long as the shortest queries
            return self._connection.execute(sql, values).fetchall()
        except (apsw.Error, OverflowError, UnicodeEncodeError) as error:
            raise _translated_error(error, self.path) from error

    def row(self, sql: str, *values: object) -> Row | None:
        """Return the first row, or None."""
        rows = self.rows(sql, *values)
        return rows[0] if rows else None

    def value(self, sql: str, *values: object) -> Any:
        """Return the first column of the first row, or None."""
        first, *_ = self.row(sql, *values) or (None,)
        return first

    def rows_in(self, sql: str, values: Sequence[object], *before: object) -> Iterator[Row]:
        """Yield the rows of a query with `IN ({marks})`, for 500 values at a time; `before`: earlier parameters."""
        for start in range(0, len(values), VALUES_PER_QUERY):
            part = values[start : start + VALUES_PER_QUERY]
            yield from self.rows(sql.format(marks=",".join("?" * len(part))), *before, *part)

    def run(self, sql: str, *values: object) -> int:
        """Execute a statement; return the number of rows it changed."""
        try:
            self._connection.execute(sql, values)
            return self._connection.changes()
        except (apsw.Error, OverflowError, UnicodeEncodeError) as error:
            raise _translated_error(error, self.path) from error

    def script(self, sql: str) -> None:
        """Execute statements without parameters."""
        with self._translate_errors():
            self._connection.execute(sql)

    def many(self, sql: str, values: Iterable[Row]) -> None:
        """Execute a statement once for each row of values."""
        with self._translate_errors():
            self._connection.executemany(sql, values)

    def transaction(self) -> AbstractContextManager[None]:
        """Return a transaction. IMMEDIATE: a deferred one would fail with BUSY_SNAPSHOT at its first write."""
        return self._atomic("BEGIN IMMEDIATE", "COMMIT", "ROLLBACK")

    def savepoint(self) -> AbstractContextManager[None]:
        """Return a part of a transaction that is rolled back alone when it fails."""
        return self._atomic("SAVEPOINT part", "RELEASE part", "ROLLBACK TO part; RELEASE part")

    @contextmanager
    def _atomic(self, begin: str, end: str, undo: str) -> Iterator[None]:
        with self._translate_errors():
            self._connection.execute(begin)
            try:
                yield
                self._connection.execute(end)
            except BaseException:
                if self._connection.in_transaction:  # a full disk, for example, has ended it already
                    self._connection.execute(undo)
                raise

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Open a read transaction: several reads see one state. Keep it short: the WAL cannot be trimmed meanwhile."""
        with self._translate_errors():
            self._connection.execute("BEGIN")
            try:
                yield
            finally:
                self._connection.execute("ROLLBACK")

    def quick_check(self) -> list[str]:
        """Return what SQLite finds wrong with the file; empty if it is sound."""
        return _check_messages(self.rows("PRAGMA quick_check"))

    @property
    def size(self) -> int:
        """Bytes of the database, pages in the write-ahead log included."""
        return int(self.value("PRAGMA page_count") * self.value("PRAGMA page_size"))

    def copy(self, target: Path, should_stop: Callable[[], bool] = _never) -> None:
        """Copy the current state to `target`: checked, synced, and only then renamed. The writer is not blocked.

        Raises StoreError if the catalog is damaged, or the copy failed its check. Raises ResourceError if `target`
        cannot be written. Raises TaskStopped if `should_stop()` returned True.
        """
        part = target.with_name(target.name + ".part")
        try:
            with resource_errors(f"cannot write {target}", "Free some space, or choose another place."):
                os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600))
                self._copy_pages(part, should_stop)
                problems = "; ".join(database_problems(part, should_stop)[:3])
                if problems:
                    raise StoreError(f"a copy of the catalog failed its check: {problems}", RECOVER_REMEDY)
                inherit_owner(part)
                replace_durably(part, target)
        finally:
            with suppress(OSError):
                part.unlink(missing_ok=True)

    def _copy_pages(self, part: Path, should_stop: Callable[[], bool]) -> None:
        # In one read transaction: otherwise SQLite restarts the copy after each commit of the writer.
        with self.snapshot():
            self.rows("SELECT 1 FROM sqlite_schema LIMIT 1")
            try:
                copy = apsw.Connection(os.fspath(part))
                try:
                    copy.execute("PRAGMA synchronous = OFF; PRAGMA journal_mode = OFF")  # synced once, when complete
                    with copy.backup("main", self._connection, "main") as job:
                        while not job.done:
                            if should_stop():
                                raise TaskStopped
                            job.step(COPY_STEP_PAGES)
                    copy.execute("PRAGMA journal_mode = DELETE")  # a single file, without a log beside it
                finally:
                    copy.close()
            except apsw.Error as error:
                raise _translated_error(error, self.path if isinstance(error, apsw.CorruptError) else part) from error

    def shrink_log(self) -> None:
        """Write the write-ahead log back into the database and truncate it, as far as readers allow."""
        with suppress(CatalogError):
            self.rows("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Close the connection."""
        with self._translate_errors():
            self._connection.close()


def database_problems(path: Path, should_stop: Callable[[], bool] = _never, *, thorough: bool = False) -> list[str]:
    """Return what is wrong with a file that should be a catalog; empty if it is sound.

    `thorough` also compares each index with its table. Raises TaskStopped.
    """
    try:
        connection = apsw.Connection(os.fspath(path), flags=apsw.SQLITE_OPEN_READONLY)
        try:
            connection.set_progress_handler(should_stop, 100_000)
            application, version = (_pragma_number(connection, name) for name in ("application_id", "user_version"))
            if application != APPLICATION_ID or version < 1:
                return ["it is a database, but not a catalog"]
            if version > len(MIGRATIONS):
                return [NEWER_VERSION]
            found = connection.execute(f"PRAGMA {'integrity' if thorough else 'quick'}_check").fetchall()
        finally:
            connection.close()
    except apsw.InterruptError:
        raise TaskStopped from None
    except apsw.Error as error:
        return [str(error)]
    return _check_messages(found)


def _check_messages(rows: list[Row]) -> list[str]:
    return [str(message) for (message,) in rows if message != "ok"]


def _pragma_number(connection: apsw.Connection, pragma: str) -> int:
    ((value,),) = connection.execute(f"PRAGMA {pragma}").fetchall()
    return int(str(value))
