"""SIGKILL between a backup and its event: the backup counts, and another is made only when one is due."""

import os
import signal
from pathlib import Path

import apsw

from catalog.backup.create import backup_status, list_backups
from catalog.config.settings import BackupSettings
from catalog.store.database import Database, database_problems
from tests.support.running_service import Household, picture

FILES = 4
OF_NIGHTS = ("backup.made",)


def test_a_backup_counts_although_a_kill_prevented_its_event(house: Household) -> None:
    for seed in range(FILES):
        Path(os.fsdecode(house.root), f"{seed}.png").write_bytes(picture(seed))
    assert house.once().returncode == 0
    assert list_backups(house.state) == [], "a catalog that was born today has nothing to lose"
    connection = apsw.Connection(str(house.config.database))
    connection.execute("UPDATE timeline SET at = at - 2 * 86400")
    connection.close()
    assert house.once(CATALOGD_KILL_AT=OF_NIGHTS[0]).returncode == -signal.SIGKILL
    assert len(list_backups(house.state)) == 1
    done = house.once()
    assert done.returncode == 0, done.stderr
    assert house.findings() == [] and len(house.vectors()) == FILES
    (made,) = list_backups(house.state)
    assert database_problems(made.path, thorough=True) == []
    database = Database(house.config.database, write=False)
    assert backup_status(database, house.state, BackupSettings(), made.at + 60)["problem"] == ""
    database.close()
