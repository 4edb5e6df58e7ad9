"""Put a good catalog in the place of a damaged one: the newest backup that passes, or one built anew.

Nothing is deleted but the index, which is a cache. The damaged files are kept aside. A kill between any two steps
leaves either the old catalog or none, never an empty one; the same call then goes on from there.
"""

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from catalog import journal
from catalog.backup.create import Backup, list_backups, require_free_space
from catalog.choices.labels import (
    choice_from_entry,
    compare_choices,
    entry_from_choice,
    journal_choices,
    reconcile_with_journal,
    table_choices,
)
from catalog.config.load import Config
from catalog.errors import CatalogError, ResourceError, StoreError
from catalog.filesystem.atomic_write import (
    file_size,
    fsync_directory,
    inherit_owner,
    make_private_directory,
    replace_durably,
)
from catalog.similarity.index_file import remove_all_snapshots
from catalog.state_dir import IN_HAND, RECOVERING
from catalog.store.database import Database, database_problems
from catalog.store.events import record_event

SQLITE_LOG_SUFFIXES = ("-wal", "-shm", "-journal")


@dataclass(frozen=True, slots=True)
class SkippedBackup:
    """A backup that was passed over, and why."""

    path: Path
    why: str


@dataclass(frozen=True, slots=True)
class RecoveryResult:
    """What was done. `source`: the copy that was put in place, None where the catalog was built anew; `until`: what
    happened after it is lost, but for choices. `labels`: choices in the catalog. `aside`: where the damaged file lies.
    """

    source: Path | None
    until: float | None
    labels: int
    salvaged: int
    aside: Path | None
    passed: list[SkippedBackup]


def recover_catalog(config: Config, source: Path | None, *, rebuild: bool, now: float) -> RecoveryResult:
    """Do all of it. The caller holds the lock of the service.

    Raises:
        StoreError: the named source is not sound. ResourceError: no space, or the place cannot be written.
    """
    passed: list[SkippedBackup] = []
    chosen = None if rebuild else _choose_backup(config.state, source, passed)
    salvaged = _salvage_choices([config.database, *(one.path for one in passed)], config.state)
    with _recovery_folder(config.state) as workshop:
        fresh = workshop / config.database.name
        if chosen is not None:
            require_free_space(workshop, chosen.bytes)
            _copy_with_wal(chosen.path, fresh)
        labels = _migrate_and_merge_choices(fresh, config.state, chosen, now)
        remove_all_snapshots(config.state)
        (config.state / IN_HAND).unlink(missing_ok=True)  # ids, too, of the catalog that goes
        aside = _set_aside(config.database, now)
        replace_durably(fresh, config.database)
    inherit_owner(config.database)
    return RecoveryResult(
        chosen.path if chosen else None, chosen.at if chosen else None, labels, salvaged, aside, passed
    )


def _choose_backup(state: Path, source: Path | None, passed: list[SkippedBackup]) -> Backup | None:
    if source is not None:
        words = database_problems(source)
        if words:
            raise StoreError(f"{source} is not sound: {'; '.join(words[:3])}", "Name another, or leave --from out.")
        found = source.stat()
        return Backup(source, found.st_mtime, found.st_size)
    for backup in list_backups(state):
        words = database_problems(backup.path)
        if not words:
            return backup
        passed.append(SkippedBackup(backup.path, "; ".join(words[:3])))
    return None


def _salvage_choices(places: list[Path], state: Path) -> int:
    """Choices that the journal lacks, from whatever can still be read; they go into the journal first."""
    found = 0
    for place in places:
        with suppress(CatalogError, TypeError, ValueError, AttributeError):  # what damage gives may be nonsense
            database = Database(place, write=False)
            try:
                missing = compare_choices(table_choices(database), journal_choices(state)).missing_in_journal
            finally:
                database.close()
            sound = [entry for choice in missing if choice_from_entry(entry := entry_from_choice(choice)) is not None]
            journal.append(state, sound)
            found += len(sound)
    return found


@contextmanager
def _recovery_folder(state: Path) -> Iterator[Path]:
    """A folder of its own, so that logs and leftovers of an earlier try cannot meet the new catalog."""
    folder = state / RECOVERING
    shutil.rmtree(folder, ignore_errors=True)
    make_private_directory(folder)
    try:
        yield folder
    except OSError as error:
        raise ResourceError(
            f"the catalog cannot be put in place in {state}: {os.strerror(error.errno or 0).lower()}",
            "Free some space, see that it is writable, and run it again; nothing was lost.",
        ) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _copy_with_wal(source: Path, target: Path) -> None:
    """Of a copy that somebody made by hand, what waits in the log beside it belongs to it."""
    for tail in ("", "-wal"):
        place = source.with_name(source.name + tail)
        if not tail or place.exists():
            shutil.copyfile(place, target.with_name(target.name + tail))


def _migrate_and_merge_choices(fresh: Path, state: Path, chosen: Backup | None, now: float) -> int:
    """Bring the new catalog to this version and give it the owner's choices."""
    word = f"from {chosen.path.name}" if chosen else "built anew"
    database = Database(fresh, write=True, restoring=True)
    try:
        with database.transaction():
            reconcile_with_journal(database, state)
            record_event(database, now, "recovered", detail=word)
            labels = int(database.value("SELECT count(*) FROM label"))
        database.shrink_log()
    finally:
        database.close()
    if file_size(fresh.with_name(fresh.name + "-wal")):
        raise ResourceError(f"the new catalog in {fresh.parent} is not whole", "Free some space and run it again.")
    return labels


def _set_aside(database: Path, now: float) -> Path | None:
    """The catalog first and its log after it: a log without its catalog is noticed, the other way round it is not.

    Were the log still there, SQLite would write its pages into the new catalog.
    """
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
    aside = database.with_name(f"{database.name}.damaged-{stamp}")
    moved = False
    for tail in ("", *SQLITE_LOG_SUFFIXES):
        place = database.with_name(database.name + tail)
        if place.exists():
            place.replace(aside.with_name(aside.name + tail))
            moved = moved or not tail
    fsync_directory(database.parent)
    return aside if moved else None
