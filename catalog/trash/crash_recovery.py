"""Resolve trash operations that were begun but never finished: after a kill, a power cut, or a full disk.

The disk decides. No operation is taken further than it got: a file that had not left its place is not moved now. The
journal alone is no reason to touch anything: the entry has to be in a trash, and one of its names is removed only where
the file has another.
"""

import errno
import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass

from catalog.filesystem.safe_read import Hashed, hash_from_disk
from catalog.store.database import Database
from catalog.store.directories import innermost_volume
from catalog.store.volumes import volume_is_present
from catalog.trash.folder import TrashEntryPaths, open_trash, untrusted_location
from catalog.trash.info_file import InfoOwner, info_owner, write_info
from catalog.trash.log import TrashLog
from catalog.trash.outcome import Refusal
from catalog.trash.records import UNFINISHED_STATES, RecordState, TrashRecord


@dataclass(frozen=True, slots=True)
class ObservedState:
    """The disk as found for one record: inside the trash, and outside, at the original place or the restore target.

    `matches_*`: the bytes there are those of the record. `same_file`: both paths are hard links of one file.
    """

    exists_outside: bool
    matches_outside: bool
    exists_inside: bool
    matches_inside: bool
    same_file: bool
    info: InfoOwner


@dataclass(frozen=True, slots=True)
class Resolution:
    """The line that the journal gets, and the work left to do.

    `unlink_entry`: remove the name in the trash, because the file has two. `unlink_info`, `write_info`: remove the info
    file, or write it again.
    """

    kind: str
    step: str
    unlink_entry: bool = False
    unlink_info: bool = False
    write_info: bool = False


def resolve(state: RecordState, found: ObservedState) -> Resolution:
    """Return how an unfinished operation ended, decided from the disk alone. Pure."""
    ours = found.info is InfoOwner.OURS
    if state is RecordState.PURGING:
        if found.exists_inside:
            return Resolution("purge", "undone")
        return Resolution("purge", "done", unlink_info=ours)
    if state is RecordState.RESTORING:
        return _resolve_restore(found, ours)
    if found.same_file:
        return Resolution("trash", "undone", unlink_entry=found.info is not InfoOwner.OTHER, unlink_info=ours)
    if found.matches_inside and (ours or (found.info is InfoOwner.NONE and not found.matches_outside)):
        return Resolution("trash", "done", write_info=not ours)
    return Resolution("trash", "undone" if found.exists_outside else "gone", unlink_info=ours)


def _resolve_restore(found: ObservedState, ours: bool) -> Resolution:
    if found.same_file:
        return Resolution("restore", "done", unlink_entry=found.info is not InfoOwner.OTHER, unlink_info=ours)
    if found.exists_inside:
        return Resolution("restore", "undone")
    if found.exists_outside:
        return Resolution("restore", "done", unlink_info=ours)
    return Resolution("trash", "gone", unlink_info=ours)


def resolve_unfinished(
    database: Database, log: TrashLog, records: Iterable[TrashRecord], on_refusal: Callable[[TrashRecord, str], None]
) -> int:
    """Resolve the unfinished records whose disk is present; return how many.

    `on_refusal` is called with each record that the disk contradicts, and the reason. Raises JournalError, StoreError.
    """
    count = 0
    for record in records:
        if record.state in UNFINISHED_STATES and is_reachable(database, record):
            try:
                _resolve_record(record, log)
            except Refusal as refusal:
                on_refusal(record, str(refusal))
                continue
            except OSError:
                continue  # the disk gives no answer now; the next command tries again
            count += 1
    log.flush()
    return count


def record_removals(database: Database, log: TrashLog, records: Iterable[TrashRecord]) -> None:
    """Record which files another program took out of the trash. Raises JournalError, StoreError."""
    for record in records:
        if (
            record.state is RecordState.TRASHED
            and not os.path.lexists(record.trash_path)
            and is_reachable(database, record)
        ):
            with suppress(OSError):
                _remove_info_file(record)
                log.record_end(record, "trash", "gone")
    log.flush()


def _remove_info_file(record: TrashRecord) -> None:
    """Remove the info file of an entry that is gone; one outside a trash is not an info file. Raises OSError."""
    with suppress(Refusal), open_trash(record) as entry:
        if entry is not None and info_owner(entry.info, record.info_text, record.id) is InfoOwner.OURS:
            os.unlink(entry.info)


def is_reachable(database: Database, record: TrashRecord) -> bool:
    """Return whether absence from the trash proves anything: the trash is on the original file's disk, which may be
    away.
    """
    if os.path.lexists(record.trash_path) or os.path.lexists(record.info_path):
        return True
    volume = innermost_volume(database, record.path)
    return os.path.isdir(os.path.dirname(record.path)) if volume is None else volume_is_present(database, volume)


def _resolve_record(record: TrashRecord, log: TrashLog) -> None:
    with open_trash(record) as entry:
        resolution = resolve(record.state, _observe(record, entry))
        if entry is not None:
            _apply(resolution, record, entry)
    log.record_end(record, resolution.kind, resolution.step, recovered=True)


def _apply(resolution: Resolution, record: TrashRecord, entry: TrashEntryPaths) -> None:
    if resolution.unlink_entry:
        if not _are_hard_links(record.restore_target or record.path, entry.file):
            raise untrusted_location(record, "is the only name of the file that it was moved from")
        os.unlink(entry.file)
    if resolution.unlink_info:
        os.unlink(entry.info)
    if resolution.write_info:
        write_info(entry.info, record.info_text)


def _are_hard_links(outside: bytes, inside: bytes) -> bool:
    """Return whether these are two names of one file, and not one name reached by two paths, through a symbolic link or
    a second mount: in that case the directory is the same, too.
    """
    first, second = os.lstat(outside), os.lstat(inside)
    folders = [os.stat(os.path.dirname(path)) for path in (outside, inside)]
    return os.path.samestat(first, second) and second.st_nlink >= 2 and not os.path.samestat(*folders)


def _observe(record: TrashRecord, entry: TrashEntryPaths | None) -> ObservedState:
    target = record.restore_target or record.path
    outside, inside = _read_hashed(target), None if entry is None else _read_hashed(entry.file)
    return ObservedState(
        exists_outside=os.path.lexists(target),
        matches_outside=outside is not None and outside.sha256 == record.sha256,
        exists_inside=entry is not None and os.path.lexists(entry.file),
        matches_inside=inside is not None and inside.sha256 == record.sha256,
        same_file=outside is not None and inside is not None and outside.inode == inside.inode,
        info=InfoOwner.NONE if entry is None else info_owner(entry.info, record.info_text, record.id),
    )


def _read_hashed(path: bytes) -> Hashed | None:
    try:
        return hash_from_disk(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        if error.errno == errno.ELOOP:  # a symbolic link has no bytes of its own
            return None
        raise
