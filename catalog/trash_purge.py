"""The one place where anything is deleted: files in the trash that our own journal put there, on their owner's word."""

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress

from catalog.db import Database
from catalog.evidence import HELD, evidence
from catalog.keeper import rank
from catalog.points import point
from catalog.rehash import rehash
from catalog.trash_deeds import Deed, Stay, step
from catalog.trash_guard import Guard
from catalog.trash_info import Info, whose
from catalog.trash_ledger import Ledger
from catalog.trash_outcome import Outcome, Refusal, of_deed, words

FORGONE = "what was kept instead of it is no longer proved; `catalog restore` it, or say --last-copy"
KEPT = "is labelled keep, and no other copy is proved: `catalog restore` it"


def older_than(trashed: list[Deed], seconds: float, now: float) -> list[Deed]:
    """What has been in the trash for so long. Pure."""
    return [deed for deed in trashed if now - deed.at >= seconds]


def purge_all(database: Database, ledger: Ledger, deeds: Iterable[Deed], *, last_copy: bool) -> Iterator[Outcome]:
    """Delete each, if it still is what was put there, and if what was kept instead of it still stands.

    `last_copy`: its owner gives it up even if nothing of that stands. Raises JournalFault, StoreFault.
    """
    guard = Guard()
    for deed in deeds:
        try:
            _admit(database, guard, deed, last_copy)
            yield _purge(ledger, deed)
        except Refusal as refusal:
            yield of_deed(deed, deed.to, refused=str(refusal))
        except OSError as error:
            yield of_deed(deed, deed.to, refused=f"cannot be deleted: {words(error)}")


def _admit(database: Database, guard: Guard, deed: Deed, last_copy: bool) -> None:
    """Raises Refusal, OSError."""
    if whose(deed.info, deed.info_text, deed.id) is not Info.OURS:
        raise Refusal("is not ours any more: its info file is another's, or gone")
    found = rehash(deed.to)
    if found is None or found.sha256 != deed.sha256:
        raise Refusal("holds other bytes than were put there")
    copies = _copies(database, deed)
    if _label(database, deed.sha256) == "keep":
        _demand(guard, copies, found.stat, KEPT)
    elif deed.instead is not None and not last_copy:
        _demand(guard, [deed.instead, *copies], found.stat, FORGONE)


def _demand(guard: Guard, stays: list[Stay], going: os.stat_result, why: str) -> None:
    try:
        guard.demand([stays], going)
    except Refusal:
        raise Refusal(why) from None


def _purge(ledger: Ledger, deed: Deed) -> Outcome:
    ledger.begins(step(deed, "purge", "begin", ledger.clock()))
    point("purge.begun")
    try:
        os.unlink(deed.to)
    except OSError:
        ledger.ends(deed, "purge", "undone")
        raise
    point("purge.unlinked")
    with suppress(OSError):  # a file manager shows it as a name without a file, and drops it
        os.unlink(deed.info)
    point("purge.info")
    ledger.ends(deed, "purge", "done")
    return of_deed(deed, deed.to, done=True)


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
