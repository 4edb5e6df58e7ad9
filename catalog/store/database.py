"""The SQLite file: the only place that knows apsw. Faults of the store leave here with their remedy."""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any

import apsw

from catalog.errors import CatalogError, ResourceError, StoreError, UnstorableValueError
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

BUSY_TIMEOUT_MS = 15_000  # a reader must outlast the longest transaction of the writer, with room
COPY_STEP_PAGES = 256  # 4 MiB a step of a copy: between steps it can be told to stop

Row = tuple[Any, ...]


class TaskStopped(Exception):
    """A long task was told to end before it was done. No fault: nothing is left of it."""


def _never() -> bool:
    return False


def _translated_error(error: Exception, path: Path) -> CatalogError:
    # An integer of more than 64 bits, text that is not Unicode, or what the table does not allow.
    if isinstance(error, OverflowError | UnicodeEncodeError | apsw.TooBigError | apsw.ConstraintError):
        return UnstorableValueError(
            f"the catalog cannot hold this: {error}", "This is a bug; please report it with the log."
        )
    if isinstance(error, apsw.FullError):
        return ResourceError(f"the disk of {path.parent} is full", "Free some space; nothing was lost.")
    if isinstance(error, apsw.CorruptError | apsw.NotADBError):
        return StoreError(f"the catalog {path} is damaged: {error}", RECOVER_REMEDY)
    if isinstance(error, apsw.BusyError | apsw.LockedError):
        return StoreError(f"the catalog {path} is locked", "Another program holds it open for writing; end it.")
    if isinstance(error, apsw.ReadOnlyError | apsw.CantOpenError | apsw.PermissionsError | apsw.IOError):
        return ResourceError(
            f"cannot use the catalog {path}: {error}",
            f"See that {path.parent} exists, is writable for this user, and that its disk is well.",
        )
    return StoreError(f"the catalog {path} refuses: {error}", "This is a bug; please report it with the log.")


class Database:
    """One connection. `write=False` opens read-only, and never waits for the writer (WAL).

    A writer makes the tables, and brings older ones up to date after a backup; but where there are traces of a
    catalog and no catalog, it refuses. `restoring` is for who makes the new one on purpose.
    """

    def __init__(self, path: Path, *, write: bool, restoring: bool = False) -> None:
        self.path = path
        flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE if write else apsw.SQLITE_OPEN_READONLY
        size = file_size(path)
        if not size and not restoring:
            refuse_if_lost(path)
        if size is None and not write:
            raise ResourceError(
                f"there is no catalog at {path}", "Start `catalogd`, or run `catalogd --once`: it makes one."
            )
        with self._worded():
            self._connection = apsw.Connection(os.fspath(path), flags=flags)
            self._connection.set_busy_timeout(BUSY_TIMEOUT_MS)
            if write:
                self._prepare()
                migrate(self, preserve=not restoring)
            else:
                require_current_version(self)

    def _prepare(self) -> None:
        run = self._connection.execute
        run("PRAGMA page_size = 16384")  # f16 vectors waste a half of 4 KiB pages; has to come before WAL
        run("PRAGMA journal_mode = WAL")
        run("PRAGMA synchronous = NORMAL")
        run("PRAGMA foreign_keys = ON")
        run("PRAGMA journal_size_limit = 67108864")
        run("PRAGMA cache_size = -8192")  # the page cache of the kernel holds the rest

    @contextmanager
    def _worded(self) -> Iterator[None]:
        try:
            yield
        except apsw.Error as error:
            raise _translated_error(error, self.path) from error

    def rows(self, sql: str, *values: object) -> list[Row]:
        """All rows of a query. The cursor is closed at once: an open one would let the WAL grow."""
        try:  # and not _worded(), which alone takes as long as the shortest queries
            return self._connection.execute(sql, values).fetchall()
        except (apsw.Error, OverflowError, UnicodeEncodeError) as error:
            raise _translated_error(error, self.path) from error

    def row(self, sql: str, *values: object) -> Row | None:
        """The first row, or None."""
        found = self.rows(sql, *values)
        return found[0] if found else None

    def value(self, sql: str, *values: object) -> Any:
        """The first column of the first row, or None."""
        found = self.row(sql, *values)
        return found[0] if found else None

    def run(self, sql: str, *values: object) -> int:
        """Execute a change; returns the rows it touched."""
        try:
            self._connection.execute(sql, values)
            return self._connection.changes()
        except (apsw.Error, OverflowError, UnicodeEncodeError) as error:
            raise _translated_error(error, self.path) from error

    def script(self, sql: str) -> None:
        """Execute statements that have no values."""
        with self._worded():
            self._connection.execute(sql)

    def many(self, sql: str, values: Iterable[Row]) -> None:
        """Execute one change for each row of values."""
        with self._worded():
            self._connection.executemany(sql, values)

    def transaction(self) -> AbstractContextManager[None]:
        """BEGIN IMMEDIATE … COMMIT: a deferred one would fail with BUSY_SNAPSHOT when it turns to writing."""
        return self._whole("BEGIN IMMEDIATE", "COMMIT", "ROLLBACK")

    def savepoint(self) -> AbstractContextManager[None]:
        """A part of a transaction that fails as a whole; what was done before it stands."""
        return self._whole("SAVEPOINT part", "RELEASE part", "ROLLBACK TO part; RELEASE part")

    @contextmanager
    def _whole(self, begin: str, end: str, undo: str) -> Iterator[None]:
        with self._worded():
            self._connection.execute(begin)
            try:
                yield
                self._connection.execute(end)
            except BaseException:
                if self._connection.in_transaction:  # not after a full disk, for example
                    self._connection.execute(undo)
                raise

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Several reads of one state. Keep it short: the WAL cannot be trimmed meanwhile."""
        with self._worded():
            self._connection.execute("BEGIN")
            try:
                yield
            finally:
                self._connection.execute("ROLLBACK")

    @property
    def data_version(self) -> int:
        """Changes whenever another connection has committed."""
        return int(self.value("PRAGMA data_version"))

    def quick_check(self) -> list[str]:
        """SQLite's own words on the file's integrity; empty when it is sound."""
        found = [str(row[0]) for row in self.rows("PRAGMA quick_check")]
        return [] if found == ["ok"] else found

    @property
    def size(self) -> int:
        """Bytes of the database, what waits in its log included."""
        return int(self.value("PRAGMA page_count") * self.value("PRAGMA page_size"))

    def copy(self, target: Path, stopped: Callable[[], bool] = _never) -> None:
        """Write a copy of this moment to `target`: proved, synced, and only then under its name. Nobody waits for it.

        Raises:
            StoreFault: the catalog is damaged, or the copy did not pass. PlaceFault: it cannot be written there.
            Stopped: `stopped()` said so.
        """
        part = target.with_name(target.name + ".part")
        try:
            os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600))
            self._copy_pages(part, stopped)
            words = database_problems(part, stopped)
            if words:
                raise StoreError(
                    f"a copy of the catalog did not pass its check: {'; '.join(words[:3])}", RECOVER_REMEDY
                )
            inherit_owner(part)
            replace_durably(part, target)
        except OSError as error:
            raise ResourceError(
                f"cannot write {target}: {os.strerror(error.errno or 0).lower()}", "Free some space, or name another."
            ) from error
        finally:
            with suppress(OSError):
                part.unlink(missing_ok=True)

    def _copy_pages(self, part: Path, stopped: Callable[[], bool]) -> None:
        # In one read transaction: left to itself, SQLite would begin anew after each commit of the writer.
        with self.snapshot():
            self.rows("SELECT 1 FROM sqlite_schema LIMIT 1")
            try:
                copy = apsw.Connection(os.fspath(part))
                try:
                    copy.execute("PRAGMA synchronous = OFF; PRAGMA journal_mode = OFF")  # it is synced once it is whole
                    with copy.backup("main", self._connection, "main") as job:
                        while not job.done:
                            if stopped():
                                raise TaskStopped
                            job.step(COPY_STEP_PAGES)
                    copy.execute("PRAGMA journal_mode = DELETE")  # one file, which needs no log beside it
                finally:
                    copy.close()
            except apsw.Error as error:
                raise _translated_error(error, self.path if isinstance(error, apsw.CorruptError) else part) from error

    def shrink_log(self) -> None:
        """Fold the write-ahead log into the database and empty it, as far as readers allow."""
        with suppress(CatalogError):
            self.rows("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Close the connection."""
        with self._worded():
            self._connection.close()


def database_problems(path: Path, stopped: Callable[[], bool] = _never, *, thorough: bool = False) -> list[str]:
    """What is wrong with a file that should be a catalog, in SQLite's words; nothing where it is sound.

    `thorough` compares each index with its table too. Raises Stopped.
    """
    try:
        connection = apsw.Connection(os.fspath(path), flags=apsw.SQLITE_OPEN_READONLY)
        try:
            connection.set_progress_handler(stopped, 100_000)
            ours, version = (_pragma_number(connection, name) for name in ("application_id", "user_version"))
            if ours != APPLICATION_ID or version < 1:
                return ["it is a database, and no catalog"]
            if version > len(MIGRATIONS):
                return [NEWER_VERSION]
            found = connection.execute(f"PRAGMA {'integrity' if thorough else 'quick'}_check").fetchall()
        finally:
            connection.close()
    except apsw.InterruptError:
        raise TaskStopped from None
    except apsw.Error as error:
        return [str(error)]
    return [] if found == [("ok",)] else [str(row[0]) for row in found]


def _pragma_number(connection: apsw.Connection, pragma: str) -> int:
    found: Any = connection.execute(f"PRAGMA {pragma}").fetchall()
    return int(found[0][0])
