"""Writing down what is done with the trash: each deed before it is begun, and how it ended.

Ends are written many at a time. One that is not written is found out from the disk by the next command.
"""

import json
import os
from collections.abc import Callable
from contextlib import suppress

from catalog import journal
from catalog.config.load import Config
from catalog.crash_points import crash_point
from catalog.files.observe import Sighting, record_missing_paths, record_sighting
from catalog.filesystem.stat_signature import lstat_or_none, signature_of
from catalog.journal import JournalEntry
from catalog.store.database import Database
from catalog.store.events import record_event
from catalog.trash.records import TrashRecord, step_entry

ENDS_PER_TRANSACTION = 50  # ends in one transaction
EVENT_KINDS = {
    ("trash", "done"): "trashed",
    ("trash", "gone"): "gone from the trash",
    ("restore", "done"): "restored",
    ("purge", "done"): "purged",
}


class TrashLog:
    """Raises JournalFault where the journal cannot be written, StoreFault where the catalog cannot."""

    def __init__(self, config: Config, database: Database, clock: Callable[[], float]) -> None:
        self._state, self._database, self.clock = config.state, database, clock
        self._ended: list[tuple[TrashRecord, str, str, bool]] = []

    def begins(self, line: JournalEntry) -> None:
        """On the disk when this returns; only then the deed may begin."""
        journal.append(self._state, [line])

    def ends(self, deed: TrashRecord, kind: str, word: str, *, healed: bool = False) -> None:
        """How a deed ended. `healed`: it may have been told to the catalog before."""
        self._ended.append((deed, kind, word, healed))
        if len(self._ended) >= ENDS_PER_TRANSACTION:
            self.flush()

    def flush(self) -> None:
        """Write the ends that wait: once the moves are on the disk, into the catalog, and then into the journal."""
        ended, self._ended = self._ended, []
        if not ended:
            return
        now = self.clock()
        for folder in {folder for deed, *_ in ended for folder in _affected_folders(deed)}:
            _sync_folder(folder)
        with self._database.transaction():
            for deed, kind, word, healed in ended:
                self._tell(deed, kind, word, healed, now)
        crash_point("trash.told")
        journal.append(self._state, [step_entry(deed, kind, word, now) for deed, kind, word, _ in ended])

    def _tell(self, deed: TrashRecord, kind: str, word: str, healed: bool, now: float) -> None:
        if (kind, word) == ("trash", "done"):
            record_missing_paths(self._database, [deed.path], now)
        if (kind, word) == ("restore", "done") and deed.goal in (None, deed.path):
            self._see(deed.path, now)
        event = EVENT_KINDS.get((kind, word))
        detail = json.dumps({"id": deed.id, "bytes": deed.size, "sha256": deed.sha256.hex()})
        if event and not (healed and self._told(event, detail)):
            record_event(self._database, now, event, deed.path, detail)

    def _see(self, path: bytes, now: float) -> None:
        with suppress(OSError):
            found = lstat_or_none(path)
            if found is not None:
                record_sighting(self._database, Sighting(path, signature_of(found), now), now)

    def _told(self, event: str, detail: str) -> bool:
        return self._database.row("SELECT 1 FROM event WHERE kind = ? AND detail = ?", event, detail) is not None


def _affected_folders(deed: TrashRecord) -> set[bytes]:
    return {os.path.dirname(place) for place in (deed.path, deed.goal or deed.path, deed.to, deed.info)}


def _sync_folder(folder: bytes) -> None:
    """A rename is on the disk once both its folders are (fsync(2)). Some filesystems cannot: then it is as it is."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
