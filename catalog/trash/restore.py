"""Bring back what was moved to the trash: to where it was, or into a folder that its owner names."""

import errno
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace

from catalog.crash_points import point
from catalog.filesystem.paths import below
from catalog.filesystem.rename import relocate
from catalog.filesystem.safe_read import rehash
from catalog.filesystem.stat_signature import kind, look
from catalog.formatting import show
from catalog.store.database import Database
from catalog.store.directories import volume_of
from catalog.store.volumes import stands
from catalog.trash.crash_recovery import reachable
from catalog.trash.folder import Places, disbelief, open_goal, open_trash
from catalog.trash.info_file import Info, whose
from catalog.trash.location import NOTHING_COPIED
from catalog.trash.log import Ledger
from catalog.trash.outcome import Outcome, Refusal, of_deed, words
from catalog.trash.records import Deed, step

AWAY = "cannot be reached: its disk is away"
TAKEN = "another file is at its place now: name a folder with --to"
OTHER_BYTES = "its bytes are not those that went into the trash"


def of_last_run(trashed: list[Deed]) -> list[Deed]:
    """What the last command that moved anything, and of which something is left, put into the trash. Pure."""
    return [deed for deed in trashed if deed.run == trashed[-1].run]


def of_path(trashed: list[Deed], path: bytes) -> list[Deed]:
    """What lay at a path, of several only the last, or all that lay below it. Pure."""
    exact = [deed for deed in trashed if deed.path == path]
    low, high = below(path)
    return exact[-1:] or [deed for deed in trashed if low <= deed.path < high]


def restore_all(
    database: Database, ledger: Ledger, deeds: list[Deed], folder: bytes | None, roots: Sequence[bytes]
) -> Iterator[Outcome]:
    """Each to its old place, which has to lie in one of `roots`, or into `folder`. `deeds`: as the journal has them,
    whatever a clock says; the last comes first, so that of two from one place the later one wins.

    Raises JournalFault, StoreFault.
    """
    for deed in reversed(deeds):
        goal = deed.path if folder is None else os.path.join(folder, os.path.basename(deed.path))
        try:
            yield _restore(database, ledger, replace(deed, goal=goal), folder, roots)
        except Refusal as refusal:
            yield of_deed(deed, refused=str(refusal))


def _restore(database: Database, ledger: Ledger, deed: Deed, folder: bytes | None, roots: Sequence[bytes]) -> Outcome:
    goal = deed.goal or deed.path
    parent = os.path.dirname(goal)
    try:
        with open_trash(deed) as places:
            entry = _admit(database, ledger, deed, places)
            with open_goal(goal, folder, roots, lambda: _may_make(database, parent)) as target:
                if os.path.lexists(target):
                    raise Refusal(TAKEN)
                ledger.begins(step(deed, "restore", "begin", ledger.clock()))
                point("restore.begun")
                _rename(ledger, deed, entry, target)
    except OSError as error:
        raise Refusal(f"cannot be restored: {words(error)}") from error
    ledger.ends(deed, "restore", "done")
    return of_deed(deed, goal, done=True, warning=_look_again(deed, goal))


def _look_again(deed: Deed, goal: bytes) -> str | None:
    try:
        found = rehash(goal)
    except OSError as error:
        return f"it cannot be read: {words(error)}"
    return None if found is not None and found.sha256 == deed.sha256 else OTHER_BYTES


def _admit(database: Database, ledger: Ledger, deed: Deed, places: Places | None) -> Places:
    """Raises Refusal where it is clear beforehand, and OSError."""
    found = None if places is None else look(places.file)
    if places is None or found is None:
        if not reachable(database, deed):
            raise Refusal(AWAY)
        ledger.ends(deed, "trash", "gone")
        raise Refusal("is gone from the trash")
    if whose(places.info, deed.info_text, deed.id) is Info.OTHER:
        ledger.ends(deed, "trash", "gone")
        raise Refusal("is gone from the trash: another file has its name there")
    if kind(found) != "file":
        raise disbelief(deed, "is no regular file")
    return places


def _may_make(database: Database, parent: bytes) -> None:
    """Never below a mount point whose disk is away: there it would be hidden once that is back. Raises Refusal."""
    volume = volume_of(database, parent)
    if volume is None or not stands(database, volume):
        raise Refusal(f"cannot be restored: {show(parent)} is not there")


def _rename(ledger: Ledger, deed: Deed, entry: Places, target: bytes) -> None:
    try:
        relocate(entry.file, target)
    except OSError as error:
        ledger.ends(deed, "restore", "undone")
        if isinstance(error, FileExistsError):
            raise Refusal(TAKEN) from error
        if error.errno == errno.EXDEV:
            raise Refusal(f"lies in a trash on another filesystem; {NOTHING_COPIED}") from error
        raise
    point("restore.moved")
    with suppress(OSError):
        if whose(entry.info, deed.info_text, deed.id) is Info.OURS:
            os.unlink(entry.info)
    point("restore.info")
