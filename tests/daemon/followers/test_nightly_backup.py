"""The nightly backup over simulated nights, and the reconciliation of choices at start-up."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from catalog import journal
from catalog.backup.create import backup_status, list_backups
from catalog.choices.labels import LabelChoice, entry_from_choice, table_choices
from catalog.config.load import Config
from catalog.config.settings import BackupSettings
from catalog.state_dir import JOURNAL
from catalog.store.database import Database, database_problems
from daemon.followers.nightly_backup import RETRY_SECONDS, NightlyBackup
from daemon.writer import Writer
from tests.support.catalog_rows import CatalogBuilder

DAY = 86400.0


class BackupHarness:
    """A writer, a nightly backup, and a clock that the test controls."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.now = folder, 0.0
        builder = CatalogBuilder(folder)
        self.began = 1_767_250_000.0
        builder.db.run("UPDATE timeline SET at = ?", self.began)
        builder.db.close()
        self.writer = Writer(folder / "catalog.db")
        self.thread = threading.Thread(target=self.writer.run, daemon=True)
        self.thread.start()
        self.stop = threading.Event()
        self.backup = self.another()

    def another(self, settings: BackupSettings | None = None) -> NightlyBackup:
        config = Config(self.folder / "config", self.folder, (), backup=settings or BackupSettings())
        return NightlyBackup(config, self.writer, self.stop, lambda: self.now)

    def night(self, day: float, change: bool = True) -> None:
        """Advance to a day, make a change, and run what is due."""
        self.now = self.began + day * DAY
        if change:
            self.writer.commit(lambda database: database.run("UPDATE clock SET seq = seq + 1"))
        self.backup.run_due()
        self.writer.commit(lambda database: None)

    def events(self) -> list[tuple[str, str | None]]:
        database = Database(self.folder / "catalog.db", write=False)
        found = database.rows("SELECT kind, detail FROM event WHERE kind LIKE 'backup%' ORDER BY id")
        database.close()
        return [(row[0], row[1]) for row in found]

    def problem(self) -> str:
        database = Database(self.folder / "catalog.db", write=False)
        found = backup_status(database, self.folder, BackupSettings(), self.now)
        database.close()
        return str(found["problem"])


@pytest.fixture
def harness(tmp_path: Path) -> Iterator[BackupHarness]:
    made = BackupHarness(tmp_path)
    yield made
    made.writer.stop()
    made.thread.join(30)


def test_each_night_has_its_backup_and_old_ones_are_deleted(harness: BackupHarness) -> None:
    harness.night(0.1)
    assert list_backups(harness.folder) == [], "born today, it has nothing to lose"
    for day in range(1, 40):
        harness.night(day)
        harness.night(day + 0.2)
    found = list_backups(harness.folder)
    assert 8 <= len(found) <= 11
    assert [round((harness.began + 39 * DAY - one.at) / DAY) for one in found[:7]] == [0, 1, 2, 3, 4, 5, 6]
    assert all(database_problems(one.path) == [] for one in found)
    assert harness.events() == [("backup", None)] * 39
    assert harness.problem() == ""


def test_a_night_without_changes_makes_no_backup_and_is_no_problem(harness: BackupHarness) -> None:
    harness.night(1)
    for day in range(2, 30):
        harness.night(day, change=False)
    assert len(list_backups(harness.folder)) == 1
    assert harness.problem() == ""
    harness.now += 8 * DAY
    assert "none for 8 days" in harness.problem(), "nobody looked for so long"


def test_a_failed_backup_is_recorded_and_retried_after_an_hour(harness: BackupHarness) -> None:
    (harness.folder / "backups").write_text("in the way")
    harness.night(2)
    assert [kind for kind, _ in harness.events()] == ["backup failed"]
    assert "backups" in harness.problem()
    (harness.folder / "backups").unlink()
    harness.night(2 + (RETRY_SECONDS - 60) / DAY)
    assert list_backups(harness.folder) == []
    harness.night(2 + (RETRY_SECONDS + 60) / DAY)
    assert len(list_backups(harness.folder)) == 1
    assert harness.problem() == ""


def test_a_clock_set_back_does_not_end_the_backups(harness: BackupHarness) -> None:
    harness.night(100)
    for day in range(50, 60):
        harness.night(day)
    assert [kind for kind, _ in harness.events()] == ["backup"] * 11
    assert len([one for one in list_backups(harness.folder) if one.at < harness.began + 61 * DAY]) >= 7


def test_no_backups_are_made_if_none_are_configured(harness: BackupHarness) -> None:
    harness.backup = harness.another(BackupSettings(0, 0))
    harness.night(3)
    assert list_backups(harness.folder) == [] and harness.events() == []


def test_a_stop_leaves_no_partial_backup(harness: BackupHarness) -> None:
    harness.stop.set()
    harness.night(3)
    assert os.listdir(harness.folder / "backups") == [] and harness.events() == []


def test_choices_are_restored_from_the_journal_at_start_up(harness: BackupHarness) -> None:
    journal.append(harness.folder, [entry_from_choice(LabelChoice(bytes(32), 7, "keep", "owner", 1.0, b"/p"))])
    harness.night(0.1)
    database = Database(harness.folder / "catalog.db", write=False)
    assert [(one.sha256, one.value) for one in table_choices(database)] == [(bytes(32), "keep")]
    database.close()


def test_an_unreadable_journal_ends_neither_the_writer_nor_the_backups(harness: BackupHarness) -> None:
    (harness.folder / JOURNAL).mkdir()
    harness.night(2)
    assert [kind for kind, _ in harness.events()] == ["backup failed"]
    assert "cannot be read" in harness.problem()
    (harness.folder / JOURNAL).rmdir()
    harness.night(3)
    assert harness.problem() == ""
    assert harness.thread.is_alive()
