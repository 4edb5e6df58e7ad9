"""Exclusive use of the trash by one command at a time; each session first recovers from an interrupted one."""

import fcntl
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from catalog import journal
from catalog.config.load import Config
from catalog.errors import resource_errors
from catalog.filesystem.atomic_write import inherit_owner
from catalog.formatting import printable_path
from catalog.journal import JournalEntry
from catalog.state_dir import JOURNAL, TRASH_LOCK
from catalog.store.database import Database
from catalog.trash.crash_recovery import resolve_unfinished
from catalog.trash.log import TrashLog
from catalog.trash.records import RecordState, TrashRecord, records_from_journal

MAX_LINE_CHARS = 300  # shown of a journal line


@dataclass(frozen=True, slots=True)
class TrashSession:
    """A command's exclusive access to the trash. `records`: oldest first; only those on absent disks are unfinished."""

    config: Config
    database: Database
    log: TrashLog
    records: list[TrashRecord]

    @property
    def trashed(self) -> list[TrashRecord]:
        """The records of files in the trash, as far as the journal knows."""
        return [record for record in self.records if record.state is RecordState.TRASHED]

    def reread(self) -> "TrashSession":
        """Return the same session with the journal read again."""
        return replace(self, records=_read_records(self.config))


@contextmanager
def trash_session(config: Config, clock: Callable[[], float], say: Callable[[str], None]) -> Iterator[TrashSession]:
    """Wait for other commands, recover what one left unfinished, and flush the log at the end.

    `say` receives lines for a person. Raises ResourceError if the state directory or the journal cannot be written,
    StoreError if the catalog cannot.
    """

    def on_refusal(record: TrashRecord, reason: str) -> None:
        say(f"refused: {printable_path(record.path)} {reason}")

    with _exclusive_lock(config, say), Database(config.database, write=True) as database:
        log = TrashLog(config, database, clock)
        foreign: list[JournalEntry] = []
        records = _read_records(config, foreign)
        for entry in foreign:
            line = printable_path(json.dumps(entry).encode())[:MAX_LINE_CHARS]
            say(f"skipped: a journal line that no command writes: {line}")
            say(f"remedy: Find out what writes to {config.state}, and delete the line from {JOURNAL}.")
        if resolve_unfinished(database, log, records, on_refusal):
            say("recovered: what an interrupted command had left unfinished")
        try:
            yield TrashSession(config, database, log, _read_records(config))
        except KeyboardInterrupt:
            log.flush()
            resolve_unfinished(database, log, _read_records(config), on_refusal)
            raise
        finally:
            log.flush()


def _read_records(config: Config, foreign: list[JournalEntry] | None = None) -> list[TrashRecord]:
    """Return the records of the journal. `foreign` receives the lines that no command of ours writes."""
    return list(records_from_journal(journal.read(config.state), [] if foreign is None else foreign).values())


@contextmanager
def _exclusive_lock(config: Config, say: Callable[[str], None]) -> Iterator[None]:
    path = config.state / TRASH_LOCK
    with resource_errors(f"cannot write in {config.state}", "Run it as the catalog's owner."):
        is_new = not path.exists()
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if is_new:
            inherit_owner(path)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another command is using the trash: waiting for it")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
