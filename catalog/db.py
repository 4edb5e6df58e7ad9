"""The SQLite file: the only place that knows apsw. Faults of the store leave here with their remedy."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import apsw

from catalog.faults import Fault, PlaceFault, StoreFault
from catalog.schema import MIGRATIONS

APPLICATION_ID = 0x63617464  # "catd"
BUSY_MS = 15_000  # a reader must outlast the longest transaction of the writer, with room

Row = tuple[Any, ...]


def _fault(error: apsw.Error, path: Path) -> Fault:
    if isinstance(error, apsw.FullError):
        return PlaceFault(f"the disk of {path.parent} is full", "Free some space; nothing was lost.")
    if isinstance(error, apsw.CorruptError | apsw.NotADBError):
        return StoreFault(
            f"the catalog {path} is damaged: {error}",
            "Move it aside and start `catalogd` again: it is rebuilt from the files on disk.",
        )
    if isinstance(error, apsw.BusyError | apsw.LockedError):
        return StoreFault(f"the catalog {path} is locked", "Another program holds it open for writing; end it.")
    if isinstance(error, apsw.ReadOnlyError | apsw.CantOpenError | apsw.PermissionsError | apsw.IOError):
        return PlaceFault(
            f"cannot use the catalog {path}: {error}",
            f"See that {path.parent} exists, is writable for this user, and that its disk is well.",
        )
    return StoreFault(f"the catalog {path} refuses: {error}", "This is a bug; please report it with the log.")


class Database:
    """One connection. `write=False` opens read-only, and never waits for the writer (WAL)."""

    def __init__(self, path: Path, *, write: bool) -> None:
        self.path = path
        flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE if write else apsw.SQLITE_OPEN_READONLY
        if not write and not path.exists():
            raise PlaceFault(
                f"there is no catalog at {path}", "Start `catalogd`, or run `catalogd --once`: it makes one."
            )
        with self._worded():
            self._connection = apsw.Connection(os.fspath(path), flags=flags)
            self._connection.set_busy_timeout(BUSY_MS)
            if write:
                self._prepare()
            else:
                self._expect_version()

    def _prepare(self) -> None:
        run = self._connection.execute
        run("PRAGMA page_size = 16384")  # f16 vectors waste a half of 4 KiB pages; has to come before WAL
        run("PRAGMA journal_mode = WAL")
        run("PRAGMA synchronous = NORMAL")
        run("PRAGMA foreign_keys = ON")
        run("PRAGMA journal_size_limit = 67108864")
        run("PRAGMA cache_size = -8192")  # the page cache of the kernel holds the rest
        self._migrate()

    def _version(self) -> int:
        return int(self.value("PRAGMA user_version"))

    def _migrate(self) -> None:
        with self.transaction():
            version = self._version()
            if version > len(MIGRATIONS):
                raise self._newer()
            for step in MIGRATIONS[version:]:
                self._connection.execute(step)
            if version < len(MIGRATIONS):
                self._connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                self._connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")

    def _expect_version(self) -> None:
        version = self._version()
        if version > len(MIGRATIONS):
            raise self._newer()
        if version < len(MIGRATIONS):
            raise StoreFault(
                f"the catalog {self.path} is of an older version",
                "Run `catalogd --once`: it brings the catalog up to date.",
            )

    def _newer(self) -> Fault:
        return StoreFault(f"the catalog {self.path} is of a newer version", "Upgrade catalogd.")

    @contextmanager
    def _worded(self) -> Iterator[None]:
        try:
            yield
        except apsw.Error as error:
            raise _fault(error, self.path) from error

    def rows(self, sql: str, *values: object) -> list[Row]:
        """All rows of a query. The cursor is closed at once: an open one would let the WAL grow."""
        with self._worded():
            return self._connection.execute(sql, values).fetchall()

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
        with self._worded():
            self._connection.execute(sql, values)
            return self._connection.changes()

    def many(self, sql: str, values: Iterable[Row]) -> None:
        """Execute one change for each row of values."""
        with self._worded():
            self._connection.executemany(sql, values)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """BEGIN IMMEDIATE … COMMIT: a deferred one would fail with BUSY_SNAPSHOT when it turns to writing."""
        with self._worded():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
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

    def shrink_log(self) -> None:
        """Fold the write-ahead log into the database and empty it, as far as readers allow."""
        with suppress(Fault):
            self.rows("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Close the connection."""
        with self._worded():
            self._connection.close()
