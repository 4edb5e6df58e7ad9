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
    """What is at the three places of a deed. `outside`: where it came from, or goes to if it is being restored.

    `ours_*`: the bytes there are those of the deed; `one`: both places are one file by two names.
    """

    outside: bool
    ours_outside: bool
    inside: bool
    ours_inside: bool
    one: bool
    info: InfoOwner


@dataclass(frozen=True, slots=True)
class Resolution:
    """How it ended, as the journal has it, and what is left to do: end the name in the trash where the file has two,
    end its info file, or write that anew.
    """

    kind: str
    word: str
    drop_name: bool = False
    drop_info: bool = False
    write_info: bool = False


def resolve(state: RecordState, found: ObservedState) -> Resolution:
    """What a kill left, decided from the disk alone. Pure."""
    ours = found.info is InfoOwner.OURS
    if state is RecordState.PURGING:
        return Resolution("purge", "undone") if found.inside else Resolution("purge", "done", drop_info=ours)
    if state is RecordState.RESTORING:
        return _resolve_restore(found, ours)
    if found.one:
        return Resolution("trash", "undone", drop_name=found.info is not InfoOwner.OTHER, drop_info=ours)
    if found.ours_inside and (ours or (found.info is InfoOwner.NONE and not found.ours_outside)):
        return Resolution("trash", "done", write_info=not ours)
    return Resolution("trash", "undone" if found.outside else "gone", drop_info=ours)


def _resolve_restore(found: ObservedState, ours: bool) -> Resolution:
    if found.one:
        return Resolution("restore", "done", drop_name=found.info is not InfoOwner.OTHER, drop_info=ours)
    if found.inside:
        return Resolution("restore", "undone")
    return (
        Resolution("restore", "done", drop_info=ours) if found.outside else Resolution("trash", "gone", drop_info=ours)
    )


def resolve_unfinished(
    database: Database, ledger: TrashLog, deeds: Iterable[TrashRecord], refuse: Callable[[TrashRecord, str], None]
) -> int:
    """End what was begun, as far as its disk is there; returns how many deeds that were. `refuse` is called with each
    deed that the disk contradicts, and why.

    Raises:
        JournalFault, StoreFault.
    """
    count = 0
    for deed in deeds:
        if deed.state in UNFINISHED_STATES and is_reachable(database, deed):
            try:
                _resolve_record(deed, ledger)
            except Refusal as refusal:
                refuse(deed, str(refusal))
                continue
            except OSError:
                continue  # nobody can tell now; the next command asks again
            count += 1
    ledger.flush()
    return count


def record_removals(database: Database, ledger: TrashLog, deeds: Iterable[TrashRecord]) -> None:
    """Write down what others took out of the trash. Raises JournalFault, StoreFault."""
    for deed in deeds:
        if deed.state is RecordState.TRASHED and not os.path.lexists(deed.to) and is_reachable(database, deed):
            with suppress(OSError):
                _remove_info_file(deed)
                ledger.ends(deed, "trash", "gone")
    ledger.flush()


def _remove_info_file(deed: TrashRecord) -> None:
    """End the info file of what is gone, unless it lies in no trash: then it is none. Raises OSError."""
    with suppress(Refusal), open_trash(deed) as places:
        if places is not None and info_owner(places.info, deed.info_text, deed.id) is InfoOwner.OURS:
            os.unlink(places.info)


def is_reachable(database: Database, deed: TrashRecord) -> bool:
    """Whether absence from the trash means anything: it lies on the disk of the old place, which may be away."""
    if os.path.lexists(deed.to) or os.path.lexists(deed.info):
        return True
    volume = innermost_volume(database, deed.path)
    return os.path.isdir(os.path.dirname(deed.path)) if volume is None else volume_is_present(database, volume)


def _resolve_record(deed: TrashRecord, ledger: TrashLog) -> None:
    with open_trash(deed) as places:
        verdict = resolve(deed.state, _observe(deed, places))
        if places is not None:
            _apply(verdict, deed, places)
    ledger.ends(deed, verdict.kind, verdict.word, healed=True)


def _apply(verdict: Resolution, deed: TrashRecord, places: TrashEntryPaths) -> None:
    if verdict.drop_name:
        if not _are_hard_links(deed.goal or deed.path, places.file):
            raise untrusted_location(deed, "is the only name of the file that it was moved from")
        os.unlink(places.file)
    if verdict.drop_info:
        os.unlink(places.info)
    if verdict.write_info:
        write_info(places.info, deed.info_text)


def _are_hard_links(outside: bytes, inside: bytes) -> bool:
    """Return whether these are two names of one file, and not one name reached by two paths, through a symbolic link or
    a second mount: then the folder is the same, too.
    """
    first, second = os.lstat(outside), os.lstat(inside)
    folders = [os.stat(os.path.dirname(path)) for path in (outside, inside)]
    return os.path.samestat(first, second) and second.st_nlink >= 2 and not os.path.samestat(*folders)


def _observe(deed: TrashRecord, places: TrashEntryPaths | None) -> ObservedState:
    outside = deed.goal or deed.path
    there, here = _read_hashed(outside), None if places is None else _read_hashed(places.file)
    return ObservedState(
        outside=os.path.lexists(outside),
        ours_outside=there is not None and there.sha256 == deed.sha256,
        inside=places is not None and os.path.lexists(places.file),
        ours_inside=here is not None and here.sha256 == deed.sha256,
        one=there is not None and here is not None and there.inode == here.inode,
        info=InfoOwner.NONE if places is None else info_owner(places.info, deed.info_text, deed.id),
    )


def _read_hashed(path: bytes) -> Hashed | None:
    try:
        return hash_from_disk(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        if error.errno == errno.ELOOP:  # a symbolic link, which holds no bytes
            return None
        raise
