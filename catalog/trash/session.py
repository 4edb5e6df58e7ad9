"""One command at a time works on the trash; whoever comes first heals what was left half done."""

import fcntl
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from catalog import journal
from catalog.config.load import Config
from catalog.errors import ResourceError
from catalog.filesystem.atomic_write import inherit_owner
from catalog.formatting import printable_path
from catalog.journal import JournalEntry
from catalog.state_dir import JOURNAL, TRASH_LOCK
from catalog.store.database import Database
from catalog.trash.crash_recovery import resolve_unfinished
from catalog.trash.log import TrashLog
from catalog.trash.records import RecordState, TrashRecord, records_from_journal

MAX_LINE_CHARS = 300  # characters of a line that are shown


@dataclass(frozen=True, slots=True)
class TrashSession:
    """What a command works with, all by itself. `deeds`: oldest first; none of them half done, but on disks that are
    away.
    """

    config: Config
    database: Database
    ledger: TrashLog
    deeds: list[TrashRecord]

    @property
    def trashed(self) -> list[TrashRecord]:
        """What lies in the trash, as far as anybody knows."""
        return [deed for deed in self.deeds if deed.state is RecordState.TRASHED]

    def current(self) -> "TrashSession":
        """The same, with the journal read again."""
        return replace(self, deeds=_read_records(self.config))


@contextmanager
def trash_session(config: Config, clock: Callable[[], float], say: Callable[[str], None]) -> Iterator[TrashSession]:
    """Wait for the others, heal, and write down at the end what is left to write. `say` takes lines for a person.

    Raises:
        PlaceFault: the state directory or the journal cannot be written. StoreFault: the catalog cannot.
    """

    def refuse(deed: TrashRecord, why: str) -> None:
        say(f"refused: {printable_path(deed.path)} {why}")

    with _exclusive_lock(config, say):
        database = Database(config.database, write=True)
        try:
            ledger = TrashLog(config, database, clock)
            foreign: list[JournalEntry] = []
            deeds = _read_records(config, foreign)
            for entry in foreign:
                line = printable_path(json.dumps(entry).encode())[:MAX_LINE_CHARS]
                say(f"passed over: a line of the journal that no command writes: {line}")
                say(f"remedy: Look who writes to {config.state}, and take it out of {JOURNAL}.")
            if resolve_unfinished(database, ledger, deeds, refuse):
                say("healed: what an earlier command had left half done")
            try:
                yield TrashSession(config, database, ledger, _read_records(config))
            except KeyboardInterrupt:
                ledger.flush()
                resolve_unfinished(database, ledger, _read_records(config), refuse)
                raise
            finally:
                ledger.flush()
        finally:
            database.close()


def _read_records(config: Config, foreign: list[JournalEntry] | None = None) -> list[TrashRecord]:
    """`foreign` gets the lines that no command of ours writes."""
    return list(records_from_journal(journal.read(config.state), [] if foreign is None else foreign).values())


@contextmanager
def _exclusive_lock(config: Config, say: Callable[[str], None]) -> Iterator[None]:
    place = config.state / TRASH_LOCK
    try:
        fresh = not place.exists()
        handle = os.open(place, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if fresh:
            inherit_owner(place)
    except OSError as error:
        raise ResourceError(
            f"cannot write in {config.state}: {os.strerror(error.errno or 0).lower()}", "Run it as the catalog's owner."
        ) from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another command works on the trash: waiting for it")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
