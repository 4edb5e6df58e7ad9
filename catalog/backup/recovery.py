"""Replace a damaged catalog with the newest backup that passes its check, or with a new catalog.

Only the index is deleted, which is a cache; the damaged files are kept. A kill between any two steps leaves the old
catalog or none, never an empty one, and the same command continues from there.
"""

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
from catalog.errors import CatalogError, ResourceError, StoreError, error_text
from catalog.filesystem.atomic_write import (
    file_size,
    fsync_directory,
    inherit_owner,
    make_private_directory,
    replace_durably,
)
from catalog.similarity.index_file import remove_all_snapshots
from catalog.state_dir import IN_FLIGHT, RECOVERING
from catalog.store.database import Database, database_problems
from catalog.store.events import record_event

SQLITE_LOG_SUFFIXES = ("-wal", "-shm", "-journal")
MAX_PROBLEMS_SHOWN = 3


@dataclass(frozen=True, slots=True)
class RecoveryResult:
    """The result of a recovery.

    `source`: the backup that was restored, None for a new catalog. `source_time`: everything after it is lost, except
    labels. `labels`: in the catalog; `salvaged`: found only in a damaged file. `damaged_file`: its new path.
    `skipped`: backups that did not pass their check, with the reason.
    """

    source: Path | None
    source_time: float | None
    labels: int
    salvaged: int
    damaged_file: Path | None
    skipped: list[tuple[Path, str]]


def recover_catalog(config: Config, source: Path | None, *, rebuild: bool, now: float) -> RecoveryResult:
    """Recover the catalog from `source`, from the newest sound backup, or as a new catalog (`rebuild`, or no backup).

    The caller holds the lock of the service. Raises StoreError if `source` is not sound, ResourceError if there is no
    space, or the state directory cannot be written.
    """
    skipped: list[tuple[Path, str]] = []
    backup = None if rebuild else _choose_backup(config.state, source, skipped)
    salvaged = _salvage_choices([config.database, *(path for path, _ in skipped)], config.state)
    with _recovery_folder(config.state) as folder:
        recovered = folder / config.database.name
        if backup is not None:
            require_free_space(folder, backup.bytes)
            _copy_with_wal(backup.path, recovered)
        labels = _migrate_and_merge_choices(recovered, config.state, backup, now)
        remove_all_snapshots(config.state)
        (config.state / IN_FLIGHT).unlink(missing_ok=True)  # has ids of the old catalog, like the snapshots
        damaged_file = _set_aside(config.database, now)
        replace_durably(recovered, config.database)
    inherit_owner(config.database)
    return RecoveryResult(
        backup.path if backup else None, backup.at if backup else None, labels, salvaged, damaged_file, skipped
    )


def _choose_backup(state: Path, source: Path | None, skipped: list[tuple[Path, str]]) -> Backup | None:
    if source is not None:
        problems = database_problems(source)
        if problems:
            raise StoreError(f"{source} is not sound: {_summary(problems)}", "Name another file, or omit --from.")
        found = source.stat()
        return Backup(source, found.st_mtime, found.st_size)
    for backup in list_backups(state):
        problems = database_problems(backup.path)
        if not problems:
            return backup
        skipped.append((backup.path, _summary(problems)))
    return None


def _summary(problems: list[str]) -> str:
    return "; ".join(problems[:MAX_PROBLEMS_SHOWN])


def _salvage_choices(databases: list[Path], state: Path) -> int:
    """Copy choices that the journal lacks from damaged databases, as far as readable, into it; return how many."""
    count = 0
    for path in databases:
        with suppress(CatalogError, TypeError, ValueError, AttributeError):  # a damaged file may yield any value
            with Database(path, write=False) as database:
                missing = compare_choices(table_choices(database), journal_choices(state)).missing_in_journal
            valid = [entry for choice in missing if choice_from_entry(entry := entry_from_choice(choice)) is not None]
            journal.append(state, valid)
            count += len(valid)
    return count


@contextmanager
def _recovery_folder(state: Path) -> Iterator[Path]:
    """Create an empty folder, so that logs and files of an earlier attempt cannot mix with the new catalog."""
    folder = state / RECOVERING
    shutil.rmtree(folder, ignore_errors=True)
    make_private_directory(folder)
    try:
        yield folder
    except OSError as error:
        raise ResourceError(
            f"the catalog cannot be replaced in {state}: {error_text(error)}; nothing was lost",
            "Free some space, make sure that it is writable, and run it again.",
        ) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _copy_with_wal(source: Path, target: Path) -> None:
    """Copy a database and its write-ahead log, which a copy made by hand may have and need."""
    for suffix in ("", "-wal"):
        path = source.with_name(source.name + suffix)
        if not suffix or path.exists():
            shutil.copyfile(path, target.with_name(target.name + suffix))


def _migrate_and_merge_choices(recovered: Path, state: Path, backup: Backup | None, now: float) -> int:
    """Migrate the recovered catalog to this version and add the owner's choices; return the number of labels."""
    detail = f"from {backup.path.name}" if backup else "new catalog"
    with Database(recovered, write=True, restoring=True) as database:
        with database.transaction():
            reconcile_with_journal(database, state)
            record_event(database, now, "recovered", detail=detail)
            labels = int(database.value("SELECT count(*) FROM label"))
        database.shrink_log()
    if file_size(recovered.with_name(recovered.name + "-wal")):
        raise ResourceError(f"the new catalog in {recovered.parent} is incomplete", "Free some space and run it again.")
    return labels


def _set_aside(database: Path, now: float) -> Path | None:
    """Rename the damaged catalog and its log, and return the new path; None where there was no catalog.

    First the catalog, then its log: a log without its catalog is noticed, a catalog without its log is not. If the log
    stayed, SQLite would write its pages into the new catalog.
    """
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
    aside = database.with_name(f"{database.name}.damaged-{stamp}")
    moved = False
    for suffix in ("", *SQLITE_LOG_SUFFIXES):
        path = database.with_name(database.name + suffix)
        if path.exists():
            path.replace(aside.with_name(aside.name + suffix))
            moved = moved or not suffix
    fsync_directory(database.parent)
    return aside if moved else None
