"""What was moved to the trash, as the owner's journal tells it: each deed is written there before it is done.

The journal says what was meant, the disk what came of it (catalog.trash.crash_recovery); the catalog is only told.
"""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from catalog.formatting import text
from catalog.journal import Entry, iso, seconds
from catalog.trash.info_file import SUFFIX, info_text


class State(StrEnum):
    """How far a deed went. Those in -ing were begun, and nobody has said yet how they ended."""

    TRASHING = "trashing"
    TRASHED = "in the trash"
    UNDONE = "undone"
    RESTORING = "restoring"
    RESTORED = "restored"
    PURGING = "purging"
    PURGED = "purged"
    GONE = "gone from the trash"  # emptied or taken out by somebody else


NONSENSE = (KeyError, ValueError, TypeError, AttributeError)
ID = re.compile(r"[0-9A-Za-z]+-[0-9]+", re.ASCII)
BEGUN = (State.TRASHING, State.RESTORING, State.PURGING)
LEADS_TO = {
    ("trash", "begin"): State.TRASHING,
    ("trash", "done"): State.TRASHED,
    ("trash", "undone"): State.UNDONE,
    ("trash", "gone"): State.GONE,
    ("restore", "begin"): State.RESTORING,
    ("restore", "done"): State.RESTORED,
    ("restore", "undone"): State.TRASHED,
    ("purge", "begin"): State.PURGING,
    ("purge", "done"): State.PURGED,
    ("purge", "undone"): State.TRASHED,
}


@dataclass(frozen=True, slots=True)
class Stay:
    """A file that has to stand, with these bytes, for another to go."""

    path: bytes
    sha256: bytes


@dataclass(frozen=True, slots=True)
class Deed:
    """One file that was, or was to be, moved to the trash. `id`: the run and a number in it; `at`: when, in seconds
    since the epoch.

    `to`: its place in the trash; `told`: its path as the info file has it; `instead`: what was kept for it, None for a
    last copy that its owner gave up; `goal`: where it is restored to, or was.
    """

    id: str
    at: float
    path: bytes
    sha256: bytes
    size: int
    to: bytes
    told: bytes
    instead: Stay | None
    state: State = State.TRASHING
    goal: bytes | None = None

    @property
    def run(self) -> str:
        """The command that did it."""
        return self.id.partition("-")[0]

    @property
    def info(self) -> bytes:
        """Its info file."""
        folder, name = os.path.split(self.to)
        return os.path.join(os.path.dirname(folder), b"info", name + SUFFIX)

    @property
    def info_text(self) -> bytes:
        """What stands in its info file."""
        return info_text(self.told, self.at, self.id)


def begin(deed: Deed) -> Entry:
    """The line by which a move to the trash begins. A second one of the same id has another place in the trash."""
    stay = deed.instead
    return {
        "at": iso(deed.at),
        "kind": "trash",
        "step": "begin",
        "id": deed.id,
        "path": text(deed.path),
        "sha256": deed.sha256.hex(),
        "bytes": deed.size,
        "to": text(deed.to),
        "told": text(deed.told),
        "instead": None if stay is None else {"path": text(stay.path), "sha256": stay.sha256.hex()},
    }


def step(deed: Deed, kind: str, word: str, now: float) -> Entry:
    """Any other line. `kind` and `word` as in `LEADS_TO`."""
    line: Entry = {"at": iso(now), "kind": kind, "step": word, "id": deed.id}
    if (kind, word) == ("restore", "begin"):
        line["path"] = text(deed.goal or deed.path)
    return line


def fold(entries: Iterable[Entry], foreign: list[Entry] | None = None) -> dict[str, Deed]:
    """All deeds by id, oldest first, each as its last line left it. Pure; lines of other kinds and nonsense are passed
    over. `foreign` takes those of them that we would not write so, such as a path that is not absolute.
    """
    deeds: dict[str, Deed] = {}
    for entry in entries:
        state = LEADS_TO.get((str(entry.get("kind")), str(entry.get("step"))))
        if state is None:
            continue
        try:
            if state is State.TRASHING:
                deeds[entry["id"]] = _read(entry)
            else:
                goal = _path(entry["path"]) if state is State.RESTORING else deeds[entry["id"]].goal
                deeds[entry["id"]] = replace(deeds[entry["id"]], state=state, goal=goal)
        except NONSENSE:
            if foreign is not None and (state is State.TRASHING or _is_foreign(entry)):
                foreign.append(entry)
    return deeds


def _is_foreign(entry: Entry) -> bool:
    """Of any line but a beginning: that its deed was never begun is no fault of the line."""
    try:
        _id(entry["id"])
        if "path" in entry:
            _path(entry["path"])
    except NONSENSE:
        return True
    return False


def _id(told: str) -> str:
    if not ID.fullmatch(told):
        raise ValueError(told)
    return told


def _size(told: int) -> int:
    if not 0 <= told < 1 << 63:  # off_t
        raise ValueError(told)
    return int(told)


def _path(told: str) -> bytes:
    """An absolute path of a file. Raises ValueError for what no system call takes, or what names no file."""
    path = told.encode("utf-8", "surrogateescape")
    if not path.startswith(b"/") or b"\0" in path or os.path.basename(path) in (b"", b".", b".."):
        raise ValueError(told)
    return path


def _read(entry: Entry) -> Deed:
    stay = entry["instead"]
    return Deed(
        _id(entry["id"]),
        seconds(entry["at"]),
        _path(entry["path"]),
        bytes.fromhex(entry["sha256"]),
        _size(entry["bytes"]),
        _path(entry["to"]),
        entry["told"].encode("utf-8", "surrogateescape"),
        None if stay is None else Stay(_path(stay["path"]), bytes.fromhex(stay["sha256"])),
    )
