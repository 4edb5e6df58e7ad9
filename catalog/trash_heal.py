"""Find out how deeds ended that were begun and never told: for a kill, a power cut, a journal that was full.

What counts is where the file is. Nothing is taken further than it was: a file that had not left is not moved now.
"""

import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

from catalog.db import Database
from catalog.rehash import Bytes, rehash
from catalog.trash_deeds import BEGUN, Deed, State
from catalog.trash_info import Info, whose, write_info
from catalog.trash_ledger import Ledger
from catalog.tree import volume_of
from catalog.volume_rows import stands


@dataclass(frozen=True, slots=True)
class Standing:
    """What is at the three places of a deed. `outside`: where it came from, or goes to if it is being restored.

    `ours_*`: the bytes there are those of the deed; `one`: both places are one file by two names.
    """

    outside: bool
    ours_outside: bool
    inside: bool
    ours_inside: bool
    one: bool
    info: Info


@dataclass(frozen=True, slots=True)
class Verdict:
    """How it ended, as the journal has it, and what is left to do: end the name in the trash where the file has two,
    end its info file, or write that anew.
    """

    kind: str
    word: str
    drop_name: bool = False
    drop_info: bool = False
    write_info: bool = False


def judge(state: State, found: Standing) -> Verdict:
    """What a kill left, decided from the disk alone. Pure."""
    ours = found.info is Info.OURS
    if state is State.PURGING:
        return Verdict("purge", "undone") if found.inside else Verdict("purge", "done", drop_info=ours)
    if state is State.RESTORING:
        return _judge_restore(found, ours)
    if found.one:
        return Verdict("trash", "undone", drop_name=True, drop_info=ours)
    if found.ours_inside and (ours or (found.info is Info.NONE and not found.ours_outside)):
        return Verdict("trash", "done", write_info=not ours)
    return Verdict("trash", "undone" if found.outside else "gone", drop_info=ours)


def _judge_restore(found: Standing, ours: bool) -> Verdict:
    if found.one:
        return Verdict("restore", "done", drop_name=True, drop_info=ours)
    if found.inside:
        return Verdict("restore", "undone")
    return Verdict("restore", "done", drop_info=ours) if found.outside else Verdict("trash", "gone", drop_info=ours)


def heal(database: Database, ledger: Ledger, deeds: Iterable[Deed]) -> int:
    """End what was begun, as far as its disk is there; returns how many deeds that were.

    Raises:
        JournalFault, StoreFault.
    """
    count = 0
    for deed in deeds:
        if deed.state in BEGUN and reachable(database, deed):
            try:
                _heal(deed, ledger)
            except OSError:
                continue  # nobody can tell now; the next command asks again
            count += 1
    ledger.flush()
    return count


def refresh(database: Database, ledger: Ledger, deeds: Iterable[Deed]) -> None:
    """Write down what others took out of the trash. Raises JournalFault, StoreFault."""
    for deed in deeds:
        if deed.state is State.TRASHED and not os.path.lexists(deed.to) and reachable(database, deed):
            with suppress(OSError):
                if whose(deed.info, deed.info_text, deed.id) is Info.OURS:
                    os.unlink(deed.info)
                ledger.ends(deed, "trash", "gone")
    ledger.flush()


def reachable(database: Database, deed: Deed) -> bool:
    """Whether absence from the trash means anything: it lies on the disk of the old place, which may be away."""
    if os.path.lexists(deed.to) or os.path.lexists(deed.info):
        return True
    volume = volume_of(database, deed.path)
    return os.path.isdir(os.path.dirname(deed.path)) if volume is None else stands(database, volume)


def _heal(deed: Deed, ledger: Ledger) -> None:
    verdict = judge(deed.state, _standing(deed))
    if verdict.drop_name:
        os.unlink(deed.to)
    if verdict.drop_info:
        os.unlink(deed.info)
    if verdict.write_info:
        write_info(deed.info, deed.info_text)
    ledger.ends(deed, verdict.kind, verdict.word, healed=True)


def _standing(deed: Deed) -> Standing:
    outside, inside = (deed.goal or deed.path), deed.to
    there, here = _bytes(outside), _bytes(inside)
    return Standing(
        outside=os.path.lexists(outside),
        ours_outside=there is not None and there.sha256 == deed.sha256,
        inside=os.path.lexists(inside),
        ours_inside=here is not None and here.sha256 == deed.sha256,
        one=there is not None and here is not None and there.inode == here.inode,
        info=whose(deed.info, deed.info_text, deed.id),
    )


def _bytes(path: bytes) -> Bytes | None:
    try:
        return rehash(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
