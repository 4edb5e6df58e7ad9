"""The oracle of the invariant: compare catalog, disk and index.

Once quiet, every eligible file on disk is either embedded or rejected with a reason, every vanished file is gone,
every file of an absent volume keeps all it had, and everything derived is what it was derived from.

The saved index against the vectors it was made from.

The owner's choices in the table against those in the journal.
"""

import time
from collections.abc import Iterator
from pathlib import Path

from catalog.choices.labels import LabelDifference, compare_choices, journal_choices, table_choices
from catalog.client.process import service_running
from catalog.config.load import Config
from catalog.integrity.check_disk import DiskCheck
from catalog.integrity.check_row import CheckFinding
from catalog.integrity.check_store import store_findings
from catalog.similarity.index_file import NO_SNAPSHOT
from catalog.similarity.index_replay import open_index
from catalog.store.database import Database
from catalog.store.models import current_model

COMPARE_ATTEMPTS = 3  # a choice that is being made right now is in the journal a moment before it is in the table


def journal_findings(database: Database, state: Path) -> Iterator[CheckFinding]:
    """What either lacks. Raises JournalFault."""
    found = LabelDifference([], [])
    for _ in range(COMPARE_ATTEMPTS):
        found = compare_choices(table_choices(database), journal_choices(state))
        if not any(found):
            return
    for word, lacking in (
        ("the catalog lacks", found.missing_in_table),
        ("the journal lacks", found.missing_in_journal),
    ):
        for choice in lacking:
            path = choice.path or None
            yield CheckFinding("journal", path, f"{word} the choice to {choice.value} {choice.sha256.hex()}")


MAX_IDS_SHOWN = 5  # labels that a finding names


def index_findings(database: Database, state: Path) -> Iterator[CheckFinding]:
    """What is wrong with the snapshot. That there is none is no fault: it is a cache."""
    model = current_model(database)
    if model is None:
        return
    opened = open_index(database, state, model.id, model.digest, model.dims)
    if opened.header is None:
        if opened.reason != NO_SNAPSHOT:
            yield CheckFinding("index", None, f"the snapshot cannot be used: {opened.reason}")
        return
    yield from compare_index_ids(
        set(opened.vector_index.live_ids().tolist()), _vector_states(database, model.id), opened.seq
    )


def _vector_states(database: Database, model: int) -> dict[int, tuple[int, bool]]:
    rows = database.rows("SELECT id, seq, live FROM vector WHERE model = ?", model)
    return {id_: (seq, bool(live)) for id_, seq, live in rows}


def compare_index_ids(labels: set[int], vectors: dict[int, tuple[int, bool]], seq: int) -> Iterator[CheckFinding]:
    """Labels have to be the living vectors, as far as the snapshot reaches. Pure."""
    living = {id_ for id_, (at, live) in vectors.items() if live and at <= seq}
    later = {id_ for id_, (at, _) in vectors.items() if at > seq}
    for word, wrong in (("lacks vectors", living - labels), ("holds dead vectors", labels - living - later)):
        if wrong:
            some = ", ".join(map(str, sorted(wrong)[:MAX_IDS_SHOWN]))
            yield CheckFinding("index", None, f"the snapshot {word}: {len(wrong)} of them, such as {some}")


__all__ = ["CheckFinding", "check_catalog"]


def check_catalog(config: Config, database: Database, *, disk: bool = True) -> list[CheckFinding]:
    """All findings; none where the invariant holds. Reads only.

    While a service runs, files that wait to be read are one finding: it is not quiet. Its index is then in its
    memory, and the snapshot beside it is not looked at.
    """
    busy = service_running(config.state)
    found = [*store_findings(database), *journal_findings(database, config.state)]
    if not busy:
        found += index_findings(database, config.state)
    if disk:
        found += DiskCheck(config, database, time.time()).findings()
    return _fold_unread(found) if busy else found


def _fold_unread(found: list[CheckFinding]) -> list[CheckFinding]:
    """Fold what a running service is about to read into one finding."""
    waiting = sum(finding.kind == "unread" for finding in found)
    rest = [finding for finding in found if finding.kind != "unread"]
    if waiting:
        rest.append(CheckFinding("not quiet", None, f"{waiting} files wait for the running service"))
    return rest
