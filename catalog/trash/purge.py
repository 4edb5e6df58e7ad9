"""The one place where anything is deleted: files in the trash that our own journal put there, on their owner's word."""

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress

from catalog.crash_points import crash_point
from catalog.duplicates.best_copy import copy_rank
from catalog.duplicates.copies import NOT_GONE_STATES, copies_by_content
from catalog.filesystem.safe_read import hash_from_disk
from catalog.filesystem.stat_signature import signature_of
from catalog.store.database import Database
from catalog.trash.folder import open_trash
from catalog.trash.info_file import matches_record
from catalog.trash.log import TrashLog
from catalog.trash.outcome import Refusal, TrashResult, error_text, result_of_record
from catalog.trash.records import Survivor, TrashRecord, step_entry
from catalog.trash.survivors import SurvivorVerifier

SURVIVOR_LOST = "what was kept instead of it is no longer proved; `catalog restore` it, or say --last-copy"
LABELLED_KEEP = "is labelled keep, and no other copy is proved: `catalog restore` it"


def records_older_than(trashed: list[TrashRecord], seconds: float, now: float) -> list[TrashRecord]:
    """What has been in the trash for so long. Pure."""
    return [deed for deed in trashed if now - deed.at >= seconds]


def purge_all(
    database: Database, ledger: TrashLog, deeds: Iterable[TrashRecord], *, last_copy: bool
) -> Iterator[TrashResult]:
    """Delete each, if it still is what was put there, in a trash, and if what was kept instead of it still stands.

    `last_copy`: its owner gives it up even if nothing of that stands. Raises JournalFault, StoreFault.
    """
    guard = SurvivorVerifier()
    for deed in deeds:
        try:
            yield _purge(database, ledger, guard, deed, last_copy)
        except Refusal as refusal:
            yield result_of_record(deed, deed.to, refused=str(refusal))
        except OSError as error:
            yield result_of_record(deed, deed.to, refused=f"cannot be deleted: {error_text(error)}")


def _purge(
    database: Database, ledger: TrashLog, guard: SurvivorVerifier, deed: TrashRecord, last_copy: bool
) -> TrashResult:
    """Raises Refusal, OSError."""
    with open_trash(deed) as places:
        if places is None or not matches_record(places.info, deed.told, deed.id):
            raise Refusal("is not ours any more: its info file is another's, or gone")
        found = hash_from_disk(places.file)
        if found is None or found.sha256 != deed.sha256:
            raise Refusal("holds other bytes than were put there")
        stays = _verify_survivors(database, guard, deed, found.stat, last_copy)
        ledger.begins(step_entry(deed, "purge", "begin", ledger.clock()))
        crash_point("purge.begun")
        try:
            _require_unchanged(places.file, found.stat, guard, stays)
            os.unlink(places.file)
        except (OSError, Refusal):
            ledger.ends(deed, "purge", "undone")
            raise
        crash_point("purge.unlinked")
        with suppress(OSError):  # a file manager shows it as a name without a file, and drops it
            os.unlink(places.info)
        crash_point("purge.info")
    ledger.ends(deed, "purge", "done")
    return result_of_record(deed, deed.to, done=True)


def _verify_survivors(
    database: Database, guard: SurvivorVerifier, deed: TrashRecord, going: os.stat_result, last_copy: bool
) -> list[Survivor]:
    """Prove what has to stand for it, and return that. Raises Refusal."""
    copies = _copies(database, deed)
    if _label(database, deed.sha256) == "keep":
        return _require_survivor(guard, copies, going, LABELLED_KEEP)
    if deed.instead is not None and not last_copy:
        return _require_survivor(guard, [deed.instead, *copies], going, SURVIVOR_LOST)
    return []


def _require_survivor(
    guard: SurvivorVerifier, stays: list[Survivor], going: os.stat_result, why: str
) -> list[Survivor]:
    try:
        return guard.demand([stays], going)
    except Refusal:
        raise Refusal(why) from None


def _require_unchanged(path: bytes, seen: os.stat_result, guard: SurvivorVerifier, stays: list[Survivor]) -> None:
    """Check that nothing changed while the bytes were read, which takes seconds for a large file. Raises Refusal."""
    now = os.lstat(path)
    if (now.st_dev, signature_of(now)) != (seen.st_dev, signature_of(seen)):
        raise Refusal("changed while it was read")
    if guard.still(stays) is not None:
        raise Refusal(SURVIVOR_LOST)


def _label(database: Database, sha256: bytes) -> str | None:
    found: str | None = database.value(
        "SELECT l.value FROM label l JOIN content c ON c.id = l.content WHERE c.sha256 = ?", sha256
    )
    return found


def _copies(database: Database, deed: TrashRecord) -> list[Survivor]:
    content = database.value("SELECT id FROM content WHERE sha256 = ?", deed.sha256)
    if content is None:
        return []
    found = [copy for part in copies_by_content(database, [content], NOT_GONE_STATES) for copy in part.get(content, [])]
    return [Survivor(copy.path, deed.sha256) for copy in sorted(found, key=copy_rank) if not copy.away]
