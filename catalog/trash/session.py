"""One command at a time works on the trash; whoever comes first heals what was left half done."""

import fcntl
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from catalog import journal
from catalog.config.load import Config
from catalog.errors import PlaceFault
from catalog.filesystem.atomic_write import hand_over
from catalog.formatting import show
from catalog.journal import Entry
from catalog.state_dir import JOURNAL, TRASH_LOCK
from catalog.store.database import Database
from catalog.trash.crash_recovery import heal
from catalog.trash.log import Ledger
from catalog.trash.records import Deed, State, fold

LONGEST = 300  # characters of a line that are shown


@dataclass(frozen=True, slots=True)
class Turn:
    """What a command works with, all by itself. `deeds`: oldest first; none of them half done, but on disks that are
    away.
    """

    config: Config
    database: Database
    ledger: Ledger
    deeds: list[Deed]

    @property
    def trashed(self) -> list[Deed]:
        """What lies in the trash, as far as anybody knows."""
        return [deed for deed in self.deeds if deed.state is State.TRASHED]

    def current(self) -> "Turn":
        """The same, with the journal read again."""
        return replace(self, deeds=_deeds(self.config))


@contextmanager
def turn(config: Config, clock: Callable[[], float], say: Callable[[str], None]) -> Iterator[Turn]:
    """Wait for the others, heal, and write down at the end what is left to write. `say` takes lines for a person.

    Raises:
        PlaceFault: the state directory or the journal cannot be written. StoreFault: the catalog cannot.
    """

    def refuse(deed: Deed, why: str) -> None:
        say(f"refused: {show(deed.path)} {why}")

    with _alone(config, say):
        database = Database(config.database, write=True)
        try:
            ledger = Ledger(config, database, clock)
            foreign: list[Entry] = []
            deeds = _deeds(config, foreign)
            for entry in foreign:
                line = show(json.dumps(entry).encode())[:LONGEST]
                say(f"passed over: a line of the journal that no command writes: {line}")
                say(f"remedy: Look who writes to {config.state}, and take it out of {JOURNAL}.")
            if heal(database, ledger, deeds, refuse):
                say("healed: what an earlier command had left half done")
            try:
                yield Turn(config, database, ledger, _deeds(config))
            except KeyboardInterrupt:
                ledger.flush()
                heal(database, ledger, _deeds(config), refuse)
                raise
            finally:
                ledger.flush()
        finally:
            database.close()


def _deeds(config: Config, foreign: list[Entry] | None = None) -> list[Deed]:
    """`foreign` gets the lines that no command of ours writes."""
    return list(fold(journal.read(config.state), [] if foreign is None else foreign).values())


@contextmanager
def _alone(config: Config, say: Callable[[str], None]) -> Iterator[None]:
    place = config.state / TRASH_LOCK
    try:
        fresh = not place.exists()
        handle = os.open(place, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if fresh:
            hand_over(place)
    except OSError as error:
        raise PlaceFault(
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
