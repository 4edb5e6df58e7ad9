"""One command at a time works on the trash; whoever comes first heals what was left half done."""

import fcntl
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import click

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
def turn(config: Config, clock: Callable[[], float]) -> Iterator[Turn]:
    """Wait for the others, heal, and write down at the end what is left to write.

    Raises:
        PlaceFault: the state directory or the journal cannot be written. StoreFault: the catalog cannot.
    """
    with _alone(config):
        database = Database(config.database, write=True)
        try:
            ledger = Ledger(config, database, clock)
            if heal(database, ledger, _deeds(config, tell=True), _refuse):
                click.echo("healed: what an earlier command had left half done", err=True)
            try:
                yield Turn(config, database, ledger, _deeds(config))
            except KeyboardInterrupt:
                ledger.flush()
                heal(database, ledger, _deeds(config), _refuse)
                raise
            finally:
                ledger.flush()
        finally:
            database.close()


def _deeds(config: Config, tell: bool = False) -> list[Deed]:
    foreign: list[Entry] = []
    deeds = list(fold(journal.read(config.state), foreign).values())
    for entry in foreign if tell else ():
        line = show(json.dumps(entry).encode())[:LONGEST]
        click.echo(f"passed over: a line of the journal that no command writes: {line}", err=True)
        click.echo(f"remedy: Look who writes to {config.state}, and take it out of {JOURNAL}.", err=True)
    return deeds


def _refuse(deed: Deed, why: str) -> None:
    click.echo(f"refused: {show(deed.path)} {why}", err=True)


@contextmanager
def _alone(config: Config) -> Iterator[None]:
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
            click.echo("another command works on the trash: waiting for it", err=True)
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
