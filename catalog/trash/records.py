"""What was moved to the trash, as the owner's journal tells it: each deed is written there before it is done.

The journal says what was meant, the disk what came of it (catalog.trash.crash_recovery); the catalog is only told.
"""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from catalog.formatting import path_text
from catalog.journal import JournalEntry, format_timestamp, parse_timestamp
from catalog.trash.info_file import INFO_SUFFIX, info_text


class RecordState(StrEnum):
    """How far a deed went. Those in -ing were begun, and nobody has said yet how they ended."""

    TRASHING = "trashing"
    TRASHED = "in the trash"
    UNDONE = "undone"
    RESTORING = "restoring"
    RESTORED = "restored"
    PURGING = "purging"
    PURGED = "purged"
    GONE = "gone from the trash"  # emptied or taken out by somebody else


MALFORMED_ERRORS = (KeyError, ValueError, TypeError, AttributeError)
ID_PATTERN = re.compile(r"[0-9A-Za-z]+-[0-9]+", re.ASCII)
UNFINISHED_STATES = (RecordState.TRASHING, RecordState.RESTORING, RecordState.PURGING)
STATE_AFTER_STEP = {
    ("trash", "begin"): RecordState.TRASHING,
    ("trash", "done"): RecordState.TRASHED,
    ("trash", "undone"): RecordState.UNDONE,
    ("trash", "gone"): RecordState.GONE,
    ("restore", "begin"): RecordState.RESTORING,
    ("restore", "done"): RecordState.RESTORED,
    ("restore", "undone"): RecordState.TRASHED,
    ("purge", "begin"): RecordState.PURGING,
    ("purge", "done"): RecordState.PURGED,
    ("purge", "undone"): RecordState.TRASHED,
}


@dataclass(frozen=True, slots=True)
class Survivor:
    """A file that has to stand, with these bytes, for another to go."""

    path: bytes
    sha256: bytes


@dataclass(frozen=True, slots=True)
class TrashRecord:
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
    instead: Survivor | None
    state: RecordState = RecordState.TRASHING
    goal: bytes | None = None

    @property
    def run(self) -> str:
        """The command that did it."""
        return self.id.partition("-")[0]

    @property
    def info(self) -> bytes:
        """Its info file."""
        folder, name = os.path.split(self.to)
        return os.path.join(os.path.dirname(folder), b"info", name + INFO_SUFFIX)

    @property
    def info_text(self) -> bytes:
        """What stands in its info file."""
        return info_text(self.told, self.at, self.id)


def begin_entry(deed: TrashRecord) -> JournalEntry:
    """The line by which a move to the trash begins. A second one of the same id has another place in the trash."""
    stay = deed.instead
    return {
        "at": format_timestamp(deed.at),
        "kind": "trash",
        "step": "begin",
        "id": deed.id,
        "path": path_text(deed.path),
        "sha256": deed.sha256.hex(),
        "bytes": deed.size,
        "to": path_text(deed.to),
        "told": path_text(deed.told),
        "instead": None if stay is None else {"path": path_text(stay.path), "sha256": stay.sha256.hex()},
    }


def step_entry(deed: TrashRecord, kind: str, word: str, now: float) -> JournalEntry:
    """Any other line. `kind` and `word` as in `LEADS_TO`."""
    line: JournalEntry = {"at": format_timestamp(now), "kind": kind, "step": word, "id": deed.id}
    if (kind, word) == ("restore", "begin"):
        line["path"] = path_text(deed.goal or deed.path)
    return line


def records_from_journal(
    entries: Iterable[JournalEntry], foreign: list[JournalEntry] | None = None
) -> dict[str, TrashRecord]:
    """All deeds by id, oldest first, each as its last line left it. Pure; lines of other kinds and nonsense are passed
    over. `foreign` takes those of them that we would not write so, such as a path that is not absolute.
    """
    deeds: dict[str, TrashRecord] = {}
    for entry in entries:
        state = STATE_AFTER_STEP.get((str(entry.get("kind")), str(entry.get("step"))))
        if state is None:
            continue
        try:
            if state is RecordState.TRASHING:
                deeds[entry["id"]] = _parse_record(entry)
            else:
                goal = _parse_path(entry["path"]) if state is RecordState.RESTORING else deeds[entry["id"]].goal
                deeds[entry["id"]] = replace(deeds[entry["id"]], state=state, goal=goal)
        except MALFORMED_ERRORS:
            if foreign is not None and (state is RecordState.TRASHING or _is_malformed(entry)):
                foreign.append(entry)
    return deeds


def _is_malformed(entry: JournalEntry) -> bool:
    """Of any line but a beginning: that its deed was never begun is no fault of the line."""
    try:
        _parse_id(entry["id"])
        if "path" in entry:
            _parse_path(entry["path"])
    except MALFORMED_ERRORS:
        return True
    return False


def _parse_id(told: str) -> str:
    if not ID_PATTERN.fullmatch(told):
        raise ValueError(told)
    return told


def _parse_size(told: int) -> int:
    if not 0 <= told < 1 << 63:  # off_t
        raise ValueError(told)
    return int(told)


def _parse_path(told: str) -> bytes:
    """An absolute path of a file. Raises ValueError for what no system call takes, or what names no file."""
    path = told.encode("utf-8", "surrogateescape")
    if not path.startswith(b"/") or b"\0" in path or os.path.basename(path) in (b"", b".", b".."):
        raise ValueError(told)
    return path


def _parse_record(entry: JournalEntry) -> TrashRecord:
    stay = entry["instead"]
    return TrashRecord(
        _parse_id(entry["id"]),
        parse_timestamp(entry["at"]),
        _parse_path(entry["path"]),
        bytes.fromhex(entry["sha256"]),
        _parse_size(entry["bytes"]),
        _parse_path(entry["to"]),
        entry["told"].encode("utf-8", "surrogateescape"),
        None if stay is None else Survivor(_parse_path(stay["path"]), bytes.fromhex(stay["sha256"])),
    )
