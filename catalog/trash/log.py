"""Record trash operations in the journal and the catalog: before each begins, and how it ended.

Ends are written in batches. The next command finds out an end that was not written from the disk.
"""

import json
import os
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from catalog import journal
from catalog.config.load import Config
from catalog.crash_points import crash_point
from catalog.files.observe import Sighting, record_missing_paths, record_sighting
from catalog.filesystem.atomic_write import fsync_directory
from catalog.filesystem.stat_signature import signature_at
from catalog.journal import JournalEntry
from catalog.store.database import Database
from catalog.store.events import record_event
from catalog.trash.records import TrashRecord, step_entry

ENDS_PER_TRANSACTION = 50
EVENT_KINDS = {
    ("trash", "done"): "trashed",
    ("trash", "gone"): "gone from the trash",
    ("restore", "done"): "restored",
    ("purge", "done"): "purged",
}


class _End(NamedTuple):
    """How one operation ended. `recovered`: the catalog may have it already."""

    record: TrashRecord
    kind: str
    step: str
    recovered: bool


class TrashLog:
    """The writer of trash operations. Its methods raise JournalError and StoreError."""

    def __init__(self, config: Config, database: Database, clock: Callable[[], float]) -> None:
        self._state, self._database, self.clock = config.state, database, clock
        self._pending: list[_End] = []

    def record_begin(self, line: JournalEntry) -> None:
        """Write a line that begins an operation, which may start only when this returns: the line is on the disk."""
        journal.append(self._state, [line])

    def record_end(self, record: TrashRecord, kind: str, step: str, *, recovered: bool = False) -> None:
        """Queue how an operation ended; a full batch is written. `recovered`: the catalog may have it already."""
        self._pending.append(_End(record, kind, step, recovered))
        if len(self._pending) >= ENDS_PER_TRANSACTION:
            self.flush()

    def flush(self) -> None:
        """Write the queued ends: first sync the moves to the disk, then write the catalog, then the journal."""
        ends, self._pending = self._pending, []
        if not ends:
            return
        now = self.clock()
        for folder in {folder for end in ends for folder in _affected_folders(end.record)}:
            with suppress(OSError):  # some filesystems cannot; a rename is on the disk once both directories are
                fsync_directory(folder)
        with self._database.transaction():
            for end in ends:
                self._update_catalog(end, now)
        crash_point("trash.told")
        journal.append(self._state, [step_entry(end.record, end.kind, end.step, now) for end in ends])

    def _update_catalog(self, end: _End, now: float) -> None:
        record, result = end.record, (end.kind, end.step)
        if result == ("trash", "done"):
            record_missing_paths(self._database, [record.path], now)
        if result == ("restore", "done") and record.restore_target in (None, record.path):
            seen = signature_at(record.path)
            if seen is not None:
                record_sighting(self._database, Sighting(record.path, seen, now), now)
        event = EVENT_KINDS.get(result)
        detail = json.dumps({"id": record.id, "bytes": record.size, "sha256": record.sha256.hex()})
        if event and not (end.recovered and self._has_event(event, detail)):
            record_event(self._database, now, event, record.path, detail)

    def _has_event(self, event: str, detail: str) -> bool:
        return self._database.row("SELECT 1 FROM event WHERE kind = ? AND detail = ?", event, detail) is not None


def _affected_folders(record: TrashRecord) -> set[bytes]:
    paths = (record.path, record.restore_target or record.path, record.trash_path, record.info_path)
    return {os.path.dirname(path) for path in paths}
