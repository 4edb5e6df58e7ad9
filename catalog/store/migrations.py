"""The version of the tables: making them, bringing older ones up to date, refusing what cannot be used.

Traces of a catalog beside the place where it should lie: a new, empty one must not silently take its place.
"""

import time
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

from catalog.errors import CatalogError, StoreError
from catalog.filesystem.atomic_write import file_size, make_private_directory
from catalog.journal import journal_path
from catalog.state_dir import BACKUPS, INDEX_HEADS, backup_name, backup_time
from catalog.store.schema import MIGRATIONS


class Tables(Protocol):
    """What a migration needs of the open database: `store.database` opens it, and imports this module."""

    path: Path

    def value(self, sql: str, *values: object) -> Any:
        """See `Database.value`."""

    def script(self, sql: str) -> None:
        """See `Database.script`."""

    def transaction(self) -> AbstractContextManager[None]:
        """See `Database.transaction`."""

    def copy(self, target: Path) -> None:
        """See `Database.copy`."""


def catalog_traces(database: Path) -> str:
    """What shows that there was a catalog at this path, in words that `there` may follow; "" where nothing does.

    Never raises.
    """
    state = database.parent
    try:
        if any(backup_time(path.name) is not None for path in (state / BACKUPS).glob("catalog-*.db")):
            return "its backups are"
        if file_size(journal_path(state)):
            return "its journal is"
        if any(state.glob(INDEX_HEADS)):
            return "its index is"
        # Only beside a file that is not there at all: while one is made, its log is the first to be written.
        if not file_size(database) and file_size(database.with_name(database.name + "-wal")):
            return "its write-ahead log is"
    except OSError:
        pass  # what cannot be looked at shows nothing, and opening the catalog tells why
    return ""


APPLICATION_ID = 0x63617464  # "catd"
NEWER_VERSION = "it is of a newer version"
RECOVER_REMEDY = "Run `catalog recover`: it puts the newest good backup in place and keeps your choices."


def applied_migrations(database: Tables) -> int:
    """How many migrations its tables have seen; 0 where there are none."""
    return int(database.value("PRAGMA user_version"))


def migrate(database: Tables, *, preserve: bool = True) -> None:
    """Make the tables, or bring them up to date, all or nothing. `preserve`: a copy of the older ones is made first.

    Raises:
        StoreFault: the catalog is of a newer version, or empty where there was one.
    """
    if preserve and 0 < applied_migrations(database) < len(MIGRATIONS):
        _back_up(database)
    with database.transaction():
        version = applied_migrations(database)
        if version > len(MIGRATIONS):
            raise _newer_version_error(database.path)
        if version == 0 and preserve:
            refuse_if_lost(database.path)
        for step in MIGRATIONS[version:]:
            database.script(step)
        if version < len(MIGRATIONS):
            # Tells connections that are open elsewhere to read the declarations again: TIMES edits one in place.
            cookie = int(database.value("PRAGMA schema_version")) + 1
            database.script(
                f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA schema_version = {cookie};"
                f" PRAGMA user_version = {len(MIGRATIONS)}"
            )


def _back_up(database: Tables) -> None:
    """The way back, should the new version turn out to be none."""
    folder = database.path.parent / BACKUPS
    make_private_directory(folder)
    database.copy(folder / backup_name(time.time(), applied_migrations(database)))


def require_current_version(database: Tables) -> None:
    """Raises StoreFault where the tables are not of this version: a reader cannot change them."""
    version = applied_migrations(database)
    if version > len(MIGRATIONS):
        raise _newer_version_error(database.path)
    if version == 0:
        refuse_if_lost(database.path)
    if version < len(MIGRATIONS):
        raise StoreError(
            f"the catalog {database.path} is of an older version",
            "Run `catalogd --once`: it brings the catalog up to date.",
        )


def refuse_if_lost(path: Path) -> None:
    """An empty catalog would forget in silence all that the one before it knew. Raises StoreFault."""
    trace = catalog_traces(path)
    if trace:
        raise StoreError(f"the catalog {path} is missing or empty, though {trace} there", RECOVER_REMEDY)


def _newer_version_error(path: Path) -> CatalogError:
    return StoreError(f"the catalog {path} is of a newer version", "Upgrade catalogd.")
