"""The one place where anything is deleted: files in the trash that our own journal put there, on their owner's word."""

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress

from catalog.crash_points import point
from catalog.duplicates.best_copy import rank
from catalog.duplicates.copies import HELD, evidence
from catalog.filesystem.safe_read import rehash
from catalog.filesystem.stat_signature import signature
from catalog.store.database import Database
from catalog.trash.folder import open_trash
from catalog.trash.info_file import signed
from catalog.trash.log import Ledger
from catalog.trash.outcome import Outcome, Refusal, of_deed, words
from catalog.trash.records import Deed, Stay, step
from catalog.trash.survivors import Guard

FORGONE = "what was kept instead of it is no longer proved; `catalog restore` it, or say --last-copy"
KEPT = "is labelled keep, and no other copy is proved: `catalog restore` it"


def older_than(trashed: list[Deed], seconds: float, now: float) -> list[Deed]:
    """What has been in the trash for so long. Pure."""
    return [deed for deed in trashed if now - deed.at >= seconds]


def purge_all(database: Database, ledger: Ledger, deeds: Iterable[Deed], *, last_copy: bool) -> Iterator[Outcome]:
    """Delete each, if it still is what was put there, in a trash, and if what was kept instead of it still stands.

    `last_copy`: its owner gives it up even if nothing of that stands. Raises JournalFault, StoreFault.
    """
    guard = Guard()
    for deed in deeds:
        try:
            yield _purge(database, ledger, guard, deed, last_copy)
        except Refusal as refusal:
            yield of_deed(deed, deed.to, refused=str(refusal))
        except OSError as error:
            yield of_deed(deed, deed.to, refused=f"cannot be deleted: {words(error)}")


def _purge(database: Database, ledger: Ledger, guard: Guard, deed: Deed, last_copy: bool) -> Outcome:
    """Raises Refusal, OSError."""
    with open_trash(deed) as places:
        if places is None or not signed(places.info, deed.told, deed.id):
            raise Refusal("is not ours any more: its info file is another's, or gone")
        found = rehash(places.file)
        if found is None or found.sha256 != deed.sha256:
            raise Refusal("holds other bytes than were put there")
        stays = _stays(database, guard, deed, found.stat, last_copy)
        ledger.begins(step(deed, "purge", "begin", ledger.clock()))
        point("purge.begun")
        try:
            _last_look(places.file, found.stat, guard, stays)
            os.unlink(places.file)
        except (OSError, Refusal):
            ledger.ends(deed, "purge", "undone")
            raise
        point("purge.unlinked")
        with suppress(OSError):  # a file manager shows it as a name without a file, and drops it
            os.unlink(places.info)
        point("purge.info")
    ledger.ends(deed, "purge", "done")
    return of_deed(deed, deed.to, done=True)


def _stays(database: Database, guard: Guard, deed: Deed, going: os.stat_result, last_copy: bool) -> list[Stay]:
    """Prove what has to stand for it, and return that. Raises Refusal."""
    copies = _copies(database, deed)
    if _label(database, deed.sha256) == "keep":
        return _demand(guard, copies, going, KEPT)
    if deed.instead is not None and not last_copy:
        return _demand(guard, [deed.instead, *copies], going, FORGONE)
    return []


def _demand(guard: Guard, stays: list[Stay], going: os.stat_result, why: str) -> list[Stay]:
    try:
        return guard.demand([stays], going)
    except Refusal:
        raise Refusal(why) from None


def _last_look(path: bytes, seen: os.stat_result, guard: Guard, stays: list[Stay]) -> None:
    """Check that nothing changed while the bytes were read, which takes seconds for a large file. Raises Refusal."""
    now = os.lstat(path)
    if (now.st_dev, signature(now)) != (seen.st_dev, signature(seen)):
        raise Refusal("changed while it was read")
    if guard.still(stays) is not None:
        raise Refusal(FORGONE)


def _label(database: Database, sha256: bytes) -> str | None:
    found: str | None = database.value(
        "SELECT l.value FROM label l JOIN content c ON c.id = l.content WHERE c.sha256 = ?", sha256
    )
    return found


def _copies(database: Database, deed: Deed) -> list[Stay]:
    content = database.value("SELECT id FROM content WHERE sha256 = ?", deed.sha256)
    if content is None:
        return []
    found = [copy for part in evidence(database, [content], HELD) for copy in part.get(content, [])]
    return [Stay(copy.path, deed.sha256) for copy in sorted(found, key=rank) if not copy.away]
