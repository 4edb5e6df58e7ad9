"""Keep the catalog itself safe: a backup each night, and the owner's choices the same in table and journal."""

import os
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import structlog

from catalog.backup.create import changed_since_backup, create_backup, is_backup_due, last_scheduled_time, list_backups
from catalog.choices.labels import LabelDifference, reconcile_with_journal
from catalog.config.load import Config
from catalog.crash_points import crash_point
from catalog.errors import CatalogError
from catalog.journal import JournalError
from catalog.store.change_log import catalog_created_at
from catalog.store.database import Database, TaskStopped
from catalog.store.events import record_event
from daemon.writer import Writer

CHECK_SECONDS = 60.0
UNCHANGED_DETAIL = "still good: nothing has changed since"
RETRY_SECONDS = 3600.0
log = structlog.get_logger()


class NightlyBackup:
    """Runs in one thread. What fails is logged, noted and tried again; the service goes on without it.

    `clock`: seconds since the epoch.
    """

    def __init__(
        self, config: Config, writer: Writer, stop: threading.Event, clock: Callable[[], float] = time.time
    ) -> None:
        self._database = Database(config.database, write=False)
        self._writer, self._stop, self._clock = writer, stop, clock
        self._agreed = False
        self._night = 0.0  # the last one that was seen to
        self._rest_until = 0.0
        self.idle = False
        self.reconfigure(config)

    def reconfigure(self, config: Config) -> None:
        """Follow other settings."""
        self._config = config

    def step(self) -> None:
        """Do what is due, then rest until the next look."""
        self.turn()
        self.idle = True
        self._stop.wait(CHECK_SECONDS)

    def turn(self) -> None:
        """Do what is due now."""
        now = self._clock()
        if 0 <= self._rest_until - now < RETRY_SECONDS:
            return
        try:
            self._agree()
            self._back_up(now)
        except TaskStopped:
            return
        except CatalogError as fault:
            self._rest_until = now + RETRY_SECONDS
            log.error("backup_failed", problem=fault.problem, remedy=fault.remedy)
            self._note(now, "backup failed", detail=f"{fault.problem}. {fault.remedy}")

    def _agree(self) -> None:
        if self._agreed:
            return
        found = self._writer.commit(partial(_merge_choices, state=self._config.state))
        if isinstance(found, JournalError):
            raise found
        self._agreed = True
        if found.missing_in_table or found.missing_in_journal:
            log.warning(
                "choices_brought_together",
                into_catalog=len(found.missing_in_table),
                into_journal=len(found.missing_in_journal),
            )

    def _back_up(self, now: float) -> None:
        settings, state, night = self._config.backup, self._config.state, last_scheduled_time(now)
        if night == self._night or not (settings.daily or settings.weekly):
            return
        newest = next(iter(list_backups(state)), None)
        if is_backup_due(newest.at if newest else None, catalog_created_at(self._database), night, now):
            fresh = newest is None or changed_since_backup(self._database, newest)
            made = create_backup(self._database, state, settings, now, self._stop.is_set) if fresh else newest
            assert made is not None
            crash_point("backup.made")
            log.info("backup", path=os.fsencode(made.path), bytes=made.bytes, made=fresh)
            self._note(now, "backup", os.fsencode(made.path), "" if fresh else UNCHANGED_DETAIL)
        self._night = night

    def _note(self, now: float, kind: str, path: bytes | None = None, detail: str = "") -> None:
        self._writer.put(partial(record_event, now=now, kind=kind, path=path, detail=detail))


def _merge_choices(database: Database, state: Path) -> LabelDifference | JournalError:
    """A journal that cannot be used is told; raised in here, it would end the writer."""
    try:
        return reconcile_with_journal(database, state)
    except JournalError as fault:
        return fault
