"""Restore files from the trash: to their original path, or into a folder that the owner names."""

import errno
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace

from catalog.crash_points import crash_point
from catalog.errors import error_text
from catalog.filesystem.paths import subtree_range
from catalog.filesystem.rename import move_noreplace
from catalog.filesystem.safe_read import hash_from_disk
from catalog.filesystem.stat_signature import file_kind, lstat_or_none
from catalog.formatting import printable_path
from catalog.store.database import Database
from catalog.store.directories import innermost_volume
from catalog.store.volumes import volume_is_present
from catalog.trash.crash_recovery import is_reachable
from catalog.trash.folder import NOT_A_FILE, TrashEntryPaths, open_restore_target, open_trash, untrusted_location
from catalog.trash.info_file import InfoOwner, info_owner
from catalog.trash.location import NOTHING_COPIED
from catalog.trash.log import TrashLog
from catalog.trash.outcome import Refusal, TrashResult, result_of_record
from catalog.trash.records import TrashRecord, step_entry

DISK_AWAY = "cannot be reached: its disk is away"
TARGET_EXISTS = "another file is at its path now: name a folder with --to"
BYTES_DIFFER = "its bytes differ from those that were moved to the trash"


def records_of_last_run(trashed: list[TrashRecord]) -> list[TrashRecord]:
    """Return the records of the last run that still has files in the trash. Pure."""
    return [record for record in trashed if record.run == trashed[-1].run]


def records_at_path(trashed: list[TrashRecord], path: bytes) -> list[TrashRecord]:
    """Return the latest record of a file at `path`, or all records below it. Pure."""
    exact = [record for record in trashed if record.path == path]
    low, high = subtree_range(path)
    return exact[-1:] or [record for record in trashed if low <= record.path < high]


def restore_all(
    database: Database, log: TrashLog, records: list[TrashRecord], folder: bytes | None, roots: Sequence[bytes]
) -> Iterator[TrashResult]:
    """Restore each file to its original path, which has to be in one of `roots`, or into `folder`.

    `records`: in journal order, whatever a clock says. The last is restored first, so that of two files from one path
    the later one wins. Raises JournalError, StoreError.
    """
    for record in reversed(records):
        target = record.path if folder is None else os.path.join(folder, os.path.basename(record.path))
        try:
            yield _restore(database, log, replace(record, restore_target=target), folder, roots)
        except Refusal as refusal:
            yield result_of_record(record, refused=str(refusal))


def _restore(
    database: Database, log: TrashLog, record: TrashRecord, folder: bytes | None, roots: Sequence[bytes]
) -> TrashResult:
    target = record.restore_target or record.path
    parent = os.path.dirname(target)
    try:
        with open_trash(record) as found:
            entry = _require_restorable(database, log, record, found)
            with open_restore_target(target, folder, roots, lambda: _require_volume_present(database, parent)) as path:
                if os.path.lexists(path):
                    raise Refusal(TARGET_EXISTS)
                log.record_begin(step_entry(record, "restore", "begin", log.clock()))
                crash_point("restore.begun")
                _rename(log, record, entry, path)
    except OSError as error:
        raise Refusal(f"cannot be restored: {error_text(error)}") from error
    log.record_end(record, "restore", "done")
    return result_of_record(record, target, done=True, warning=_verify_restored(record, target))


def _verify_restored(record: TrashRecord, path: bytes) -> str | None:
    try:
        found = hash_from_disk(path)
    except OSError as error:
        return f"it cannot be read: {error_text(error)}"
    return None if found is not None and found.sha256 == record.sha256 else BYTES_DIFFER


def _require_restorable(
    database: Database, log: TrashLog, record: TrashRecord, entry: TrashEntryPaths | None
) -> TrashEntryPaths:
    """Return the entry to restore. Raises Refusal where it cannot be restored, and OSError."""
    found = None if entry is None else lstat_or_none(entry.file)
    if entry is None or found is None:
        if not is_reachable(database, record):
            raise Refusal(DISK_AWAY)
        log.record_end(record, "trash", "gone")
        raise Refusal("is gone from the trash")
    if info_owner(entry.info, record.info_text, record.id) is InfoOwner.OTHER:
        log.record_end(record, "trash", "gone")
        raise Refusal("is gone from the trash: another file has its name there")
    if file_kind(found) != "file":
        raise untrusted_location(record, NOT_A_FILE)
    return entry


def _require_volume_present(database: Database, parent: bytes) -> None:
    """Refuse to create a folder below a mount point whose disk is away: the disk would hide it. Raises Refusal."""
    volume = innermost_volume(database, parent)
    if volume is None or not volume_is_present(database, volume):
        raise Refusal(f"cannot be restored: {printable_path(parent)} does not exist")


def _rename(log: TrashLog, record: TrashRecord, entry: TrashEntryPaths, target: bytes) -> None:
    try:
        move_noreplace(entry.file, target)
    except OSError as error:
        log.record_end(record, "restore", "undone")
        if isinstance(error, FileExistsError):
            raise Refusal(TARGET_EXISTS) from error
        if error.errno == errno.EXDEV:
            raise Refusal(f"is in a trash on another filesystem; {NOTHING_COPIED}") from error
        raise
    crash_point("restore.moved")
    with suppress(OSError):
        if info_owner(entry.info, record.info_text, record.id) is InfoOwner.OURS:
            os.unlink(entry.info)
    crash_point("restore.info")
