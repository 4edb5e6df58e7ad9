"""Purge the trash: the only code that deletes for good, and only files that our own journal put there."""

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import NamedTuple

from catalog.crash_points import crash_point
from catalog.duplicates.best_copy import copy_rank
from catalog.duplicates.copies import NOT_GONE_STATES, copies_by_content
from catalog.errors import error_text
from catalog.filesystem.safe_read import hash_from_disk
from catalog.filesystem.stat_signature import signature_of
from catalog.store.database import Database
from catalog.trash.folder import open_trash
from catalog.trash.info_file import matches_record
from catalog.trash.log import TrashLog
from catalog.trash.outcome import Refusal, TrashResult, result_of_record
from catalog.trash.records import Survivor, TrashRecord, step_entry
from catalog.trash.survivors import SurvivorVerifier

SURVIVOR_LOST = "the copy kept instead of it can no longer be verified; `catalog restore` it, or use --last-copy"
LABELLED_KEEP = "is labelled keep, and no other copy can be verified: `catalog restore` it"


class LeavingFile(NamedTuple):
    """The file to delete, and its stat result."""

    path: bytes
    stat: os.stat_result


def records_older_than(trashed: list[TrashRecord], seconds: float, now: float) -> list[TrashRecord]:
    """Return the records that have been in the trash for at least `seconds`. Pure."""
    return [record for record in trashed if now - record.at >= seconds]


def purge_all(
    database: Database, log: TrashLog, records: Iterable[TrashRecord], *, last_copy: bool
) -> Iterator[TrashResult]:
    """Delete each trashed file that is still the one put there, if the copy kept instead of it can be verified.

    `last_copy`: the owner gives the file up even if no copy can be. Raises JournalError, StoreError.
    """
    verifier = SurvivorVerifier()
    for record in records:
        try:
            yield _purge(database, log, verifier, record, last_copy)
        except Refusal as refusal:
            yield result_of_record(record, record.trash_path, refused=str(refusal))
        except OSError as error:
            yield result_of_record(record, record.trash_path, refused=f"cannot be deleted: {error_text(error)}")


def _purge(
    database: Database, log: TrashLog, verifier: SurvivorVerifier, record: TrashRecord, last_copy: bool
) -> TrashResult:
    """Delete one file. Raises Refusal, OSError."""
    with open_trash(record) as entry:
        if entry is None or not matches_record(entry.info, record.path_in_info, record.id):
            raise Refusal("is no longer ours: its info file is missing or another program's")
        found = hash_from_disk(entry.file)
        if found is None or found.sha256 != record.sha256:
            raise Refusal("has other bytes than were moved there")
        leaving = LeavingFile(entry.file, found.stat)
        survivors = _verify_survivors(database, verifier, record, leaving, last_copy)
        log.record_begin(step_entry(record, "purge", "begin", log.clock()))
        crash_point("purge.begun")
        try:
            _require_unchanged(entry.file, found.stat, verifier, survivors)
            os.unlink(entry.file)
        except (OSError, Refusal):
            log.record_end(record, "purge", "undone")
            raise
        crash_point("purge.unlinked")
        with suppress(OSError):  # a file manager shows it as a name without a file, and drops it
            os.unlink(entry.info)
        crash_point("purge.info")
    log.record_end(record, "purge", "done")
    return result_of_record(record, record.trash_path, done=True)


def _verify_survivors(
    database: Database, verifier: SurvivorVerifier, record: TrashRecord, leaving: LeavingFile, last_copy: bool
) -> list[Survivor]:
    """Return the verified copies that the deletion depends on. Raises Refusal."""
    copies = _copies(database, record)
    if _label(database, record.sha256) == "keep":
        return _require_survivor(verifier, copies, leaving, LABELLED_KEEP)
    if record.kept_copy is not None and not last_copy:
        return _require_survivor(verifier, [record.kept_copy, *copies], leaving, SURVIVOR_LOST)
    return []


def _require_survivor(
    verifier: SurvivorVerifier, group: list[Survivor], leaving: LeavingFile, reason: str
) -> list[Survivor]:
    """Return a copy of the file, or another name of it. Raises Refusal."""
    with suppress(Refusal):
        return verifier.require([group], leaving.stat, leaving.path)
    try:
        return [verifier.require_link(group, leaving.stat, leaving.path)]
    except Refusal:
        raise Refusal(reason) from None


def _require_unchanged(
    path: bytes, seen: os.stat_result, verifier: SurvivorVerifier, survivors: list[Survivor]
) -> None:
    """Check that nothing changed while the bytes were read, which takes seconds for a large file. Raises Refusal."""
    now = os.lstat(path)
    if (now.st_dev, signature_of(now)) != (seen.st_dev, signature_of(seen)):
        raise Refusal("changed while it was read")
    if verifier.first_changed(survivors) is not None:
        raise Refusal(SURVIVOR_LOST)


def _label(database: Database, sha256: bytes) -> str | None:
    label: str | None = database.value(
        "SELECT l.value FROM label l JOIN content c ON c.id = l.content WHERE c.sha256 = ?", sha256
    )
    return label


def _copies(database: Database, record: TrashRecord) -> list[Survivor]:
    content = database.value("SELECT id FROM content WHERE sha256 = ?", record.sha256)
    if content is None:
        return []
    found = [copy for part in copies_by_content(database, [content], NOT_GONE_STATES) for copy in part.get(content, [])]
    return [Survivor(copy.path, record.sha256) for copy in sorted(found, key=copy_rank) if not copy.away]
