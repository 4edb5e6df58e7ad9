"""Trash records, as the owner's journal has them: each operation is written there before it is done.

The journal holds the intent, the disk the result (catalog.trash.crash_recovery); the catalog is only informed.
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
    """The last known state of a trashed file. TRASHING, RESTORING and PURGING: begun, and the end is not recorded."""

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
    """A file that has to exist with these bytes before another may be moved or deleted."""

    path: bytes
    sha256: bytes


@dataclass(frozen=True, slots=True)
class TrashRecord:
    """One file that was moved to the trash, or was about to be. `at`: seconds since the epoch.

    `id`: the run, and a number within it. `path_in_info`: the original path as the info file has it. `kept_copy`: the
    file kept instead; None for a last copy that its owner gave up. `restore_target`: where a restore moves or moved it.
    """

    id: str
    at: float
    path: bytes
    sha256: bytes
    size: int
    trash_path: bytes
    path_in_info: bytes
    kept_copy: Survivor | None
    state: RecordState = RecordState.TRASHING
    restore_target: bytes | None = None

    @property
    def run(self) -> str:
        """The command run that moved it."""
        return self.id.partition("-")[0]

    @property
    def info_path(self) -> bytes:
        """The path of its info file."""
        folder, name = os.path.split(self.trash_path)
        return os.path.join(os.path.dirname(folder), b"info", name + INFO_SUFFIX)

    @property
    def info_text(self) -> bytes:
        """The content of its info file."""
        return info_text(self.path_in_info, self.at, self.id)


def begin_entry(record: TrashRecord) -> JournalEntry:
    """Return the journal line that begins a move. A second one with the same id has another name in the trash."""
    kept = record.kept_copy
    return {
        "at": format_timestamp(record.at),
        "kind": "trash",
        "step": "begin",
        "id": record.id,
        "path": path_text(record.path),
        "sha256": record.sha256.hex(),
        "bytes": record.size,
        "to": path_text(record.trash_path),
        "told": path_text(record.path_in_info),
        "instead": None if kept is None else {"path": path_text(kept.path), "sha256": kept.sha256.hex()},
    }


def step_entry(record: TrashRecord, kind: str, step: str, now: float) -> JournalEntry:
    """Return any other journal line. `kind` and `step` as in STATE_AFTER_STEP."""
    line: JournalEntry = {"at": format_timestamp(now), "kind": kind, "step": step, "id": record.id}
    if (kind, step) == ("restore", "begin"):
        line["path"] = path_text(record.restore_target or record.path)
    return line


def records_from_journal(
    entries: Iterable[JournalEntry], foreign: list[JournalEntry] | None = None
) -> dict[str, TrashRecord]:
    """Return all records by id, oldest first, each in the state after its last line. Pure.

    Lines of other kinds and malformed lines are skipped; `foreign` receives those that no command of ours writes, such
    as a line with a relative path.
    """
    records: dict[str, TrashRecord] = {}
    for entry in entries:
        state = STATE_AFTER_STEP.get((str(entry.get("kind")), str(entry.get("step"))))
        if state is None:
            continue
        try:
            if state is RecordState.TRASHING:
                records[entry["id"]] = _parse_record(entry)
            else:
                known = records[entry["id"]]
                target = _parse_path(entry["path"]) if state is RecordState.RESTORING else known.restore_target
                records[entry["id"]] = replace(known, state=state, restore_target=target)
        except MALFORMED_ERRORS:
            if foreign is not None and (state is RecordState.TRASHING or _is_malformed(entry)):
                foreign.append(entry)
    return records


def _is_malformed(entry: JournalEntry) -> bool:
    """Check any line but a beginning: a missing beginning does not make the line malformed."""
    try:
        _parse_id(entry["id"])
        if "path" in entry:
            _parse_path(entry["path"])
    except MALFORMED_ERRORS:
        return True
    return False


def _parse_id(text: str) -> str:
    if not ID_PATTERN.fullmatch(text):
        raise ValueError(text)
    return text


def _parse_size(size: int) -> int:
    if not 0 <= size < 1 << 63:  # off_t
        raise ValueError(size)
    return int(size)


def _parse_path(text: str) -> bytes:
    """Return an absolute path. Raises ValueError where no system call takes it, or where it cannot name a file."""
    path = text.encode("utf-8", "surrogateescape")
    if not path.startswith(b"/") or b"\0" in path or os.path.basename(path) in (b"", b".", b".."):
        raise ValueError(text)
    return path


def _parse_record(entry: JournalEntry) -> TrashRecord:
    kept = entry["instead"]
    return TrashRecord(
        _parse_id(entry["id"]),
        parse_timestamp(entry["at"]),
        _parse_path(entry["path"]),
        bytes.fromhex(entry["sha256"]),
        _parse_size(entry["bytes"]),
        _parse_path(entry["to"]),
        entry["told"].encode("utf-8", "surrogateescape"),
        None if kept is None else Survivor(_parse_path(kept["path"]), bytes.fromhex(kept["sha256"])),
    )
