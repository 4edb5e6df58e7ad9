"""The oracle of the invariant: compare catalog, disk and index.

Once quiet, every eligible file on disk is either embedded or rejected with a reason, every vanished file is gone,
every file of an absent volume keeps all it had, and everything derived is what it was derived from.
"""

import time

from catalog.client.process import running
from catalog.config.load import Config
from catalog.integrity.check_disk import DiskCheck
from catalog.integrity.check_index import index_findings
from catalog.integrity.check_journal import journal_findings
from catalog.integrity.check_row import Finding
from catalog.integrity.check_store import store_findings
from catalog.store.database import Database

__all__ = ["Finding", "check"]


def check(config: Config, database: Database, *, disk: bool = True) -> list[Finding]:
    """All findings; none where the invariant holds. Reads only.

    While a service runs, files that wait to be read are one finding: it is not quiet. Its index is then in its
    memory, and the snapshot beside it is not looked at.
    """
    busy = running(config.state)
    found = [*store_findings(database), *journal_findings(database, config.state)]
    if not busy:
        found += index_findings(database, config.state)
    if disk:
        found += DiskCheck(config, database, time.time()).findings()
    return _quiet(found) if busy else found


def _quiet(found: list[Finding]) -> list[Finding]:
    """Fold what a running service is about to read into one finding."""
    waiting = sum(finding.kind == "unread" for finding in found)
    rest = [finding for finding in found if finding.kind != "unread"]
    if waiting:
        rest.append(Finding("not quiet", None, f"{waiting} files wait for the running service"))
    return rest
