"""Writing down what is done with the trash: each deed before it is begun, and how it ended.

Ends are written many at a time. One that is not written is found out from the disk by the next command.
"""

import json
import os
from collections.abc import Callable
from contextlib import suppress

from catalog import journal
from catalog.config.load import Config
from catalog.crash_points import point
from catalog.files.observe import Seen, miss_all, see
from catalog.filesystem.stat_signature import look, signature
from catalog.journal import Entry
from catalog.store.database import Database
from catalog.store.events import note
from catalog.trash.records import Deed, step

FOLD = 50  # ends in one transaction
EVENTS = {
    ("trash", "done"): "trashed",
    ("trash", "gone"): "gone from the trash",
    ("restore", "done"): "restored",
    ("purge", "done"): "purged",
}


class Ledger:
    """Raises JournalFault where the journal cannot be written, StoreFault where the catalog cannot."""

    def __init__(self, config: Config, database: Database, clock: Callable[[], float]) -> None:
        self._state, self._database, self.clock = config.state, database, clock
        self._ended: list[tuple[Deed, str, str, bool]] = []

    def begins(self, line: Entry) -> None:
        """On the disk when this returns; only then the deed may begin."""
        journal.append(self._state, [line])

    def ends(self, deed: Deed, kind: str, word: str, *, healed: bool = False) -> None:
        """How a deed ended. `healed`: it may have been told to the catalog before."""
        self._ended.append((deed, kind, word, healed))
        if len(self._ended) >= FOLD:
            self.flush()

    def flush(self) -> None:
        """Write the ends that wait: once the moves are on the disk, into the catalog, and then into the journal."""
        ended, self._ended = self._ended, []
        if not ended:
            return
        now = self.clock()
        for folder in {folder for deed, *_ in ended for folder in _folders(deed)}:
            _sync(folder)
        with self._database.transaction():
            for deed, kind, word, healed in ended:
                self._tell(deed, kind, word, healed, now)
        point("trash.told")
        journal.append(self._state, [step(deed, kind, word, now) for deed, kind, word, _ in ended])

    def _tell(self, deed: Deed, kind: str, word: str, healed: bool, now: float) -> None:
        if (kind, word) == ("trash", "done"):
            miss_all(self._database, [deed.path], now)
        if (kind, word) == ("restore", "done") and deed.goal in (None, deed.path):
            self._see(deed.path, now)
        event = EVENTS.get((kind, word))
        detail = json.dumps({"id": deed.id, "bytes": deed.size, "sha256": deed.sha256.hex()})
        if event and not (healed and self._told(event, detail)):
            note(self._database, now, event, deed.path, detail)

    def _see(self, path: bytes, now: float) -> None:
        with suppress(OSError):
            found = look(path)
            if found is not None:
                see(self._database, Seen(path, signature(found), now), now)

    def _told(self, event: str, detail: str) -> bool:
        return self._database.row("SELECT 1 FROM event WHERE kind = ? AND detail = ?", event, detail) is not None


def _folders(deed: Deed) -> set[bytes]:
    return {os.path.dirname(place) for place in (deed.path, deed.goal or deed.path, deed.to, deed.info)}


def _sync(folder: bytes) -> None:
    """A rename is on the disk once both its folders are (fsync(2)). Some filesystems cannot: then it is as it is."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
