"""SIGKILL between a backup and its event: the backup counts, and another is made only when one is due."""

import signal

import apsw

from catalog.backup.create import backup_status, list_backups
from catalog.config.settings import BackupSettings
from catalog.store.database import Database, database_problems
from tests.support.running_service import RunningService, picture

FILES = 4
OF_NIGHTS = ("backup.made",)


def test_a_backup_counts_although_a_kill_prevented_its_event(service: RunningService) -> None:
    for seed in range(FILES):
        service.path(f"{seed}.png").write_bytes(picture(seed))
    assert service.once().returncode == 0
    assert list_backups(service.state) == [], "a catalog that was born today has nothing to lose"
    connection = apsw.Connection(str(service.config.database))
    connection.execute("UPDATE timeline SET at = at - 2 * 86400")
    connection.close()
    assert service.once(CATALOGD_KILL_AT=OF_NIGHTS[0]).returncode == -signal.SIGKILL
    assert len(list_backups(service.state)) == 1
    done = service.once()
    assert done.returncode == 0, done.stderr
    assert service.findings() == [] and len(service.vectors()) == FILES
    (made,) = list_backups(service.state)
    assert database_problems(made.path, thorough=True) == []
    database = Database(service.config.database, write=False)
    assert backup_status(database, service.state, BackupSettings(), made.at + 60)["problem"] == ""
    database.close()
