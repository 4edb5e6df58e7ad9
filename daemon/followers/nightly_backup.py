"""Back up the catalog every night, and reconcile the owner's choices in the catalog with the journal at start-up."""

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
    """Runs in one thread. A failure is logged, recorded as an event and retried. `clock`: seconds since the epoch."""

    def __init__(
        self, config: Config, writer: Writer, stop: threading.Event, clock: Callable[[], float] = time.time
    ) -> None:
        self._database = Database(config.database, write=False)
        self._writer, self._stop, self._clock = writer, stop, clock
        self._reconciled = False
        self._last_night = 0.0  # the last night that is dealt with
        self._retry_at = 0.0
        self.idle = False
        self.reconfigure(config)

    def reconfigure(self, config: Config) -> None:
        """Apply a new configuration."""
        self._config = config

    def step(self) -> None:
        """Do what is due, then wait a minute."""
        self.run_due()
        self.idle = True
        self._stop.wait(CHECK_SECONDS)

    def run_due(self) -> None:
        """Do what is due now."""
        now = self._clock()
        if 0 <= self._retry_at - now < RETRY_SECONDS:
            return
        try:
            self._reconcile()
            self._back_up(now)
        except TaskStopped:
            return
        except CatalogError as error:
            self._retry_at = now + RETRY_SECONDS
            log.error("backup_failed", problem=error.problem, remedy=error.remedy)
            self._record_event(now, "backup failed", detail=f"{error.problem}. {error.remedy}")

    def _reconcile(self) -> None:
        if self._reconciled:
            return
        difference = self._writer.commit(partial(_reconcile_choices, state=self._config.state))
        if isinstance(difference, JournalError):
            raise difference
        self._reconciled = True
        if difference.missing_in_table or difference.missing_in_journal:
            log.warning(
                "choices_brought_together",
                into_catalog=len(difference.missing_in_table),
                into_journal=len(difference.missing_in_journal),
            )

    def _back_up(self, now: float) -> None:
        settings, state, night = self._config.backup, self._config.state, last_scheduled_time(now)
        if night == self._last_night or not (settings.daily or settings.weekly):
            return
        newest = next(iter(list_backups(state)), None)
        if is_backup_due(newest.at if newest else None, catalog_created_at(self._database), night, now):
            changed = newest is None or changed_since_backup(self._database, newest)
            backup = create_backup(self._database, state, settings, now, self._stop.is_set) if changed else newest
            assert backup is not None
            crash_point("backup.made")
            log.info("backup", path=os.fsencode(backup.path), bytes=backup.bytes, made=changed)
            self._record_event(now, "backup", os.fsencode(backup.path), "" if changed else UNCHANGED_DETAIL)
        self._last_night = night

    def _record_event(self, now: float, kind: str, path: bytes | None = None, detail: str = "") -> None:
        self._writer.put(partial(record_event, now=now, kind=kind, path=path, detail=detail))


def _reconcile_choices(database: Database, state: Path) -> LabelDifference | JournalError:
    """Return the error of an unusable journal: raised here, in the writer's thread, it would end the service."""
    try:
        return reconcile_with_journal(database, state)
    except JournalError as error:
        return error
