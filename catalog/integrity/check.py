"""Check the invariant: compare catalog, disk, journal and saved index.

When no work is pending, every eligible file on disk is either embedded or rejected with a reason, every vanished file
is gone, every file of an absent volume has kept all its data, and all derived data matches its source.
"""

import time
from collections.abc import Iterator
from pathlib import Path

from catalog.choices.labels import LabelDifference, compare_choices, journal_choices, table_choices
from catalog.client.process import service_running
from catalog.config.load import Config
from catalog.files.outdated_rejections import count_outdated, current_limits
from catalog.integrity.check_disk import DiskCheck
from catalog.integrity.check_row import CheckFinding
from catalog.integrity.check_store import store_findings
from catalog.similarity.index_file import NO_SNAPSHOT
from catalog.similarity.index_replay import open_index
from catalog.store.database import Database
from catalog.store.models import current_model

__all__ = ["CheckFinding", "check_catalog"]

COMPARE_ATTEMPTS = 3  # a choice that is being made is in the journal a moment before it is in the table
MAX_IDS_SHOWN = 5  # in one finding


def check_catalog(config: Config, database: Database, *, disk: bool = True) -> list[CheckFinding]:
    """Return all findings; none where the invariant holds. Reads only.

    While a service runs, the files that it has yet to read are one finding. Its index is in its memory then, and the
    snapshot is not checked.
    """
    busy = service_running(config.state)
    found = [*store_findings(database), *journal_findings(database, config.state), *limit_findings(config, database)]
    if not busy:
        found += index_findings(database, config.state)
    if disk:
        found += DiskCheck(config, database, time.time()).findings()
    return _fold_unread(found) if busy else found


def _fold_unread(found: list[CheckFinding]) -> list[CheckFinding]:
    """Fold the files that a running service is about to read into one finding."""
    waiting = sum(finding.kind == "unread" for finding in found)
    rest = [finding for finding in found if finding.kind != "unread"]
    if waiting:
        rest.append(CheckFinding("not quiet", None, f"files that the running service has yet to read: {waiting}"))
    return rest


def journal_findings(database: Database, state: Path) -> Iterator[CheckFinding]:
    """Yield the owner's choices that the label table or the journal lacks. Raises JournalError."""
    found = LabelDifference([], [])
    for _ in range(COMPARE_ATTEMPTS):
        found = compare_choices(table_choices(database), journal_choices(state))
        if not any(found):
            return
    for holder, missing in (("catalog", found.missing_in_table), ("journal", found.missing_in_journal)):
        for choice in missing:
            detail = f"the {holder} lacks the choice to {choice.value} {choice.sha256.hex()}"
            yield CheckFinding("journal", choice.path or None, detail)


def limit_findings(config: Config, database: Database) -> Iterator[CheckFinding]:
    """Yield one finding for the files that were rejected under other limits or by other decoders than now."""
    count = count_outdated(database, current_limits(config.intake))
    if count:
        detail = f"rejected under other limits or by other decoders than now, and to be read again: {count}"
        yield CheckFinding("limits", None, detail)


def index_findings(database: Database, state: Path) -> Iterator[CheckFinding]:
    """Yield the problems of the index snapshot. A missing snapshot is not one: it is a cache."""
    model = current_model(database)
    if model is None:
        return
    opened = open_index(database, state, model.id, model.digest, model.dims)
    if opened.header is None:
        if opened.reason != NO_SNAPSHOT:
            yield CheckFinding("index", None, f"the snapshot cannot be used: {opened.reason}")
        return
    rows = database.rows("SELECT id, seq, live FROM vector WHERE model = ?", model.id)
    vectors = {id_: (seq, bool(live)) for id_, seq, live in rows}
    yield from compare_index_ids(set(opened.vector_index.live_ids().tolist()), vectors, opened.seq)


def compare_index_ids(ids: set[int], vectors: dict[int, tuple[int, bool]], seq: int) -> Iterator[CheckFinding]:
    """Compare the ids in the snapshot with the live vectors up to change number `seq`. Pure.

    `vectors`: change number and live flag by id.
    """
    live = {id_ for id_, (at, is_live) in vectors.items() if is_live and at <= seq}
    later = {id_ for id_, (at, _) in vectors.items() if at > seq}
    for problem, wrong in (("lacks live vectors", live - ids), ("has dead vectors", ids - live - later)):
        if wrong:
            some = ", ".join(map(str, sorted(wrong)[:MAX_IDS_SHOWN]))
            yield CheckFinding("index", None, f"the snapshot {problem}: {len(wrong)}, such as {some}")
