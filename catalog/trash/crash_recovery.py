"""Find out how deeds ended that were begun and never told: for a kill, a power cut, a journal that was full.

What counts is where the file is. Nothing is taken further than it was: a file that had not left is not moved now. The
journal alone is no reason to touch anything: the entry has to lie in a trash, and a name is ended only where the file
has another.
"""

import errno
import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass

from catalog.filesystem.safe_read import Hashed, rehash
from catalog.store.database import Database
from catalog.store.directories import volume_of
from catalog.store.volumes import stands
from catalog.trash.folder import Places, disbelief, open_trash
from catalog.trash.info_file import Info, whose, write_info
from catalog.trash.log import Ledger
from catalog.trash.outcome import Refusal
from catalog.trash.records import BEGUN, Deed, State


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
        return Verdict("trash", "undone", drop_name=found.info is not Info.OTHER, drop_info=ours)
    if found.ours_inside and (ours or (found.info is Info.NONE and not found.ours_outside)):
        return Verdict("trash", "done", write_info=not ours)
    return Verdict("trash", "undone" if found.outside else "gone", drop_info=ours)


def _judge_restore(found: Standing, ours: bool) -> Verdict:
    if found.one:
        return Verdict("restore", "done", drop_name=found.info is not Info.OTHER, drop_info=ours)
    if found.inside:
        return Verdict("restore", "undone")
    return Verdict("restore", "done", drop_info=ours) if found.outside else Verdict("trash", "gone", drop_info=ours)


def heal(database: Database, ledger: Ledger, deeds: Iterable[Deed], refuse: Callable[[Deed, str], None]) -> int:
    """End what was begun, as far as its disk is there; returns how many deeds that were. `refuse` is called with each
    deed that the disk contradicts, and why.

    Raises:
        JournalFault, StoreFault.
    """
    count = 0
    for deed in deeds:
        if deed.state in BEGUN and reachable(database, deed):
            try:
                _heal(deed, ledger)
            except Refusal as refusal:
                refuse(deed, str(refusal))
                continue
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
                _drop_info(deed)
                ledger.ends(deed, "trash", "gone")
    ledger.flush()


def _drop_info(deed: Deed) -> None:
    """End the info file of what is gone, unless it lies in no trash: then it is none. Raises OSError."""
    with suppress(Refusal), open_trash(deed) as places:
        if places is not None and whose(places.info, deed.info_text, deed.id) is Info.OURS:
            os.unlink(places.info)


def reachable(database: Database, deed: Deed) -> bool:
    """Whether absence from the trash means anything: it lies on the disk of the old place, which may be away."""
    if os.path.lexists(deed.to) or os.path.lexists(deed.info):
        return True
    volume = volume_of(database, deed.path)
    return os.path.isdir(os.path.dirname(deed.path)) if volume is None else stands(database, volume)


def _heal(deed: Deed, ledger: Ledger) -> None:
    with open_trash(deed) as places:
        verdict = judge(deed.state, _standing(deed, places))
        if places is not None:
            _carry_out(verdict, deed, places)
    ledger.ends(deed, verdict.kind, verdict.word, healed=True)


def _carry_out(verdict: Verdict, deed: Deed, places: Places) -> None:
    if verdict.drop_name:
        if not _two_names(deed.goal or deed.path, places.file):
            raise disbelief(deed, "is the only name of the file that it was moved from")
        os.unlink(places.file)
    if verdict.drop_info:
        os.unlink(places.info)
    if verdict.write_info:
        write_info(places.info, deed.info_text)


def _two_names(outside: bytes, inside: bytes) -> bool:
    """Return whether these are two names of one file, and not one name reached by two paths, through a symbolic link or
    a second mount: then the folder is the same, too.
    """
    first, second = os.lstat(outside), os.lstat(inside)
    folders = [os.stat(os.path.dirname(path)) for path in (outside, inside)]
    return os.path.samestat(first, second) and second.st_nlink >= 2 and not os.path.samestat(*folders)


def _standing(deed: Deed, places: Places | None) -> Standing:
    outside = deed.goal or deed.path
    there, here = _bytes(outside), None if places is None else _bytes(places.file)
    return Standing(
        outside=os.path.lexists(outside),
        ours_outside=there is not None and there.sha256 == deed.sha256,
        inside=places is not None and os.path.lexists(places.file),
        ours_inside=here is not None and here.sha256 == deed.sha256,
        one=there is not None and here is not None and there.inode == here.inode,
        info=Info.NONE if places is None else whose(places.info, deed.info_text, deed.id),
    )


def _bytes(path: bytes) -> Hashed | None:
    try:
        return rehash(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        if error.errno == errno.ELOOP:  # a symbolic link, which holds no bytes
            return None
        raise
