"""Bring back what was moved to the trash: to where it was, or into a folder that its owner names."""

import errno
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace

from catalog.crash_points import crash_point
from catalog.filesystem.paths import subtree_range
from catalog.filesystem.rename import move_noreplace
from catalog.filesystem.safe_read import hash_from_disk
from catalog.filesystem.stat_signature import file_kind, lstat_or_none
from catalog.formatting import printable_path
from catalog.store.database import Database
from catalog.store.directories import innermost_volume
from catalog.store.volumes import volume_is_present
from catalog.trash.crash_recovery import is_reachable
from catalog.trash.folder import TrashEntryPaths, open_restore_target, open_trash, untrusted_location
from catalog.trash.info_file import InfoOwner, info_owner
from catalog.trash.location import NOTHING_COPIED
from catalog.trash.log import TrashLog
from catalog.trash.outcome import Refusal, TrashResult, error_text, result_of_record
from catalog.trash.records import TrashRecord, step_entry

DISK_AWAY = "cannot be reached: its disk is away"
TARGET_EXISTS = "another file is at its place now: name a folder with --to"
BYTES_DIFFER = "its bytes are not those that went into the trash"


def records_of_last_run(trashed: list[TrashRecord]) -> list[TrashRecord]:
    """What the last command that moved anything, and of which something is left, put into the trash. Pure."""
    return [deed for deed in trashed if deed.run == trashed[-1].run]


def records_at_path(trashed: list[TrashRecord], path: bytes) -> list[TrashRecord]:
    """What lay at a path, of several only the last, or all that lay below it. Pure."""
    exact = [deed for deed in trashed if deed.path == path]
    low, high = subtree_range(path)
    return exact[-1:] or [deed for deed in trashed if low <= deed.path < high]


def restore_all(
    database: Database, ledger: TrashLog, deeds: list[TrashRecord], folder: bytes | None, roots: Sequence[bytes]
) -> Iterator[TrashResult]:
    """Each to its old place, which has to lie in one of `roots`, or into `folder`. `deeds`: as the journal has them,
    whatever a clock says; the last comes first, so that of two from one place the later one wins.

    Raises JournalFault, StoreFault.
    """
    for deed in reversed(deeds):
        goal = deed.path if folder is None else os.path.join(folder, os.path.basename(deed.path))
        try:
            yield _restore(database, ledger, replace(deed, goal=goal), folder, roots)
        except Refusal as refusal:
            yield result_of_record(deed, refused=str(refusal))


def _restore(
    database: Database, ledger: TrashLog, deed: TrashRecord, folder: bytes | None, roots: Sequence[bytes]
) -> TrashResult:
    goal = deed.goal or deed.path
    parent = os.path.dirname(goal)
    try:
        with open_trash(deed) as places:
            entry = _require_restorable(database, ledger, deed, places)
            with open_restore_target(goal, folder, roots, lambda: _require_volume_present(database, parent)) as target:
                if os.path.lexists(target):
                    raise Refusal(TARGET_EXISTS)
                ledger.begins(step_entry(deed, "restore", "begin", ledger.clock()))
                crash_point("restore.begun")
                _rename(ledger, deed, entry, target)
    except OSError as error:
        raise Refusal(f"cannot be restored: {error_text(error)}") from error
    ledger.ends(deed, "restore", "done")
    return result_of_record(deed, goal, done=True, warning=_verify_restored(deed, goal))


def _verify_restored(deed: TrashRecord, goal: bytes) -> str | None:
    try:
        found = hash_from_disk(goal)
    except OSError as error:
        return f"it cannot be read: {error_text(error)}"
    return None if found is not None and found.sha256 == deed.sha256 else BYTES_DIFFER


def _require_restorable(
    database: Database, ledger: TrashLog, deed: TrashRecord, places: TrashEntryPaths | None
) -> TrashEntryPaths:
    """Raises Refusal where it is clear beforehand, and OSError."""
    found = None if places is None else lstat_or_none(places.file)
    if places is None or found is None:
        if not is_reachable(database, deed):
            raise Refusal(DISK_AWAY)
        ledger.ends(deed, "trash", "gone")
        raise Refusal("is gone from the trash")
    if info_owner(places.info, deed.info_text, deed.id) is InfoOwner.OTHER:
        ledger.ends(deed, "trash", "gone")
        raise Refusal("is gone from the trash: another file has its name there")
    if file_kind(found) != "file":
        raise untrusted_location(deed, "is no regular file")
    return places


def _require_volume_present(database: Database, parent: bytes) -> None:
    """Never below a mount point whose disk is away: there it would be hidden once that is back. Raises Refusal."""
    volume = innermost_volume(database, parent)
    if volume is None or not volume_is_present(database, volume):
        raise Refusal(f"cannot be restored: {printable_path(parent)} is not there")


def _rename(ledger: TrashLog, deed: TrashRecord, entry: TrashEntryPaths, target: bytes) -> None:
    try:
        move_noreplace(entry.file, target)
    except OSError as error:
        ledger.ends(deed, "restore", "undone")
        if isinstance(error, FileExistsError):
            raise Refusal(TARGET_EXISTS) from error
        if error.errno == errno.EXDEV:
            raise Refusal(f"lies in a trash on another filesystem; {NOTHING_COPIED}") from error
        raise
    crash_point("restore.moved")
    with suppress(OSError):
        if info_owner(entry.info, deed.info_text, deed.id) is InfoOwner.OURS:
            os.unlink(entry.info)
    crash_point("restore.info")
