"""Schema versions: create the tables, migrate older ones, refuse newer ones and an unexpectedly empty catalog."""

import time
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

from catalog.errors import CatalogError, StoreError
from catalog.filesystem.atomic_write import file_size, make_private_directory
from catalog.state_dir import BACKUPS, INDEX_HEADS, JOURNAL, backup_name, backup_time
from catalog.store.schema import MIGRATIONS


class Tables(Protocol):
    """The part of `Database` that migrations use; `store.database` imports this module, not the reverse."""

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
    """Return the evidence of an earlier catalog here, as subject and verb of a sentence, or "". Never raises."""
    state = database.parent
    try:
        if any(backup_time(path.name) is not None for path in (state / BACKUPS).glob("catalog-*.db")):
            return "its backups are"
        if file_size(state / JOURNAL):
            return "its journal is"
        if any(state.glob(INDEX_HEADS)):
            return "its index is"
        # Only if the database is missing or empty: while it is being created, its log is written first.
        if not file_size(database) and file_size(database.with_name(database.name + "-wal")):
            return "its write-ahead log is"
    except OSError:
        pass  # opening the catalog will report the same problem
    return ""


APPLICATION_ID = 0x63617464  # "catd"
NEWER_VERSION = "it is of a newer version"
RECOVER_REMEDY = "Run `catalog recover`: it restores the newest good backup and keeps your choices."


def applied_migrations(database: Tables) -> int:
    """Return how many migrations were applied; 0 if there are no tables."""
    return int(database.value("PRAGMA user_version"))


def migrate(database: Tables, *, preserve: bool = True) -> None:
    """Create the tables, or apply all missing migrations in one transaction. `preserve`: back up older tables first.

    Raises StoreError if the catalog is of a newer version, or empty although there was one before.
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
            # Makes other open connections reload the schema: UNBOUNDED_TIMES edits it in place.
            cookie = int(database.value("PRAGMA schema_version")) + 1
            database.script(
                f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA schema_version = {cookie};"
                f" PRAGMA user_version = {len(MIGRATIONS)}"
            )


def _back_up(database: Tables) -> None:
    """Copy the catalog into the backups, so that the upgrade can be undone."""
    folder = database.path.parent / BACKUPS
    make_private_directory(folder)
    database.copy(folder / backup_name(time.time(), applied_migrations(database)))


def require_current_version(database: Tables) -> None:
    """Raise StoreError if the tables are of another version: a reader cannot migrate them."""
    version = applied_migrations(database)
    if version > len(MIGRATIONS):
        raise _newer_version_error(database.path)
    if version == 0:
        refuse_if_lost(database.path)
    if version < len(MIGRATIONS):
        raise StoreError(
            f"the catalog {database.path} is of an older version",
            "Run `catalogd --once`: it upgrades the catalog, after a backup.",
        )


def refuse_if_lost(path: Path) -> None:
    """Raise StoreError if a catalog existed here: a new, empty one must not silently take its place."""
    if trace := catalog_traces(path):
        raise StoreError(f"the catalog {path} is missing or empty, though {trace} there", RECOVER_REMEDY)


def _newer_version_error(path: Path) -> CatalogError:
    return StoreError(f"the catalog {path} is of a newer version", "Upgrade catalogd.")
