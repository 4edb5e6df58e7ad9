"""The history of a path: each content that it held, with the verdict on the change.

Call inside the writer's transaction. A new file is only recorded: nothing is compared, and no other row is read.
"""

from typing import NamedTuple

from catalog.filesystem.stat_signature import Signature
from catalog.store.database import Database
from catalog.verdict.case import (
    DAMAGE_VERDICTS,
    ComparedContent,
    ContentChange,
    ContentComparison,
    Verdict,
    VerdictKind,
)
from catalog.verdict.rules import classify_change
from models.decode.reason import RejectReason

NO_COMPARISON = ContentComparison()
CONTENT_COLUMNS = "format, width, height, taken_at, camera, note, suspect, picture"
UNCHANGED_FILE = "id = ? AND size = ? AND mtime_ns = ? AND ctime_ns = ? AND state != 'gone'"
LAST_HISTORY_SQL = (
    "SELECT betrayed, (SELECT id FROM history WHERE file = file.id ORDER BY id DESC LIMIT 1)"
    f" FROM file WHERE {UNCHANGED_FILE}"
)
HELD_ELSEWHERE_SQL = "SELECT 1 FROM file WHERE content = ? AND id != ? AND state = 'ok' LIMIT 1"


class ReadOutcome(NamedTuple):
    """The outcome of reading a file. `reason`: why it is rejected; None if it is accepted."""

    reason: RejectReason | None = None
    detail: str = ""
    comparison: ContentComparison = NO_COMPARISON


def record_content_change(
    database: Database, file: int, seen: Signature, content: int, now: float, outcome: ReadOutcome
) -> Verdict | None:
    """Record a content that the path did not hold before. Return the verdict on the change; None if there is none."""
    row = database.row(LAST_HISTORY_SQL, file, *seen.stamp)
    if row is None:
        return None
    hash_mismatch, newest = row
    if newest is None:
        add_history_row(database, file, seen, content, now, Verdict(VerdictKind.FIRST, ""))
        return None
    ((last, mtime_ns),) = database.rows("SELECT content, mtime_ns FROM history WHERE id = ?", newest)
    if last == content:
        return None
    before, after = _compared_contents(database, last, content)
    change = ContentChange(
        before,
        after,
        comparison=_complete_comparison(database, outcome.comparison, last, content),
        hash_mismatch=bool(hash_mismatch),
        same_mtime=mtime_ns == seen.mtime_ns,
        reason=outcome.reason,
        detail=outcome.detail,
        held_before=_held_before(database, file, content),
        held_elsewhere=database.row(HELD_ELSEWHERE_SQL, content, file) is not None,
    )
    verdict = classify_change(change)
    add_history_row(database, file, seen, content, now, verdict)
    return verdict


def add_history_row(database: Database, file: int, seen: Signature, content: int, now: float, verdict: Verdict) -> None:
    """Insert one row."""
    database.run(
        "INSERT INTO history(file, content, size, mtime_ns, seen_at, verdict, evidence) VALUES (?, ?, ?, ?, ?, ?, ?)",
        *(file, content, seen.size, seen.mtime_ns, now, verdict.kind, verdict.evidence or None),
    )


def _complete_comparison(
    database: Database, comparison: ContentComparison, before: int, after: int
) -> ContentComparison:
    """Drop a comparison with another content than `before`; add the cosine of stored vectors if it has none."""
    if comparison.previous != before:
        comparison = NO_COMPARISON
    return comparison if comparison.cosine is not None else comparison._replace(cosine=_cosine(database, before, after))


def _cosine(database: Database, before: int, after: int) -> float | None:
    row = database.row(
        "SELECT a.data, b.data FROM vector a JOIN vector b ON b.model = a.model AND b.content = ?"
        " WHERE a.content = ? ORDER BY a.model DESC LIMIT 1",
        *(after, before),
    )
    if row is None:
        return None
    from catalog.store.vectors import unpack_vectors  # imports numpy, which commands that read a history do not need

    packed, _ = row
    one, other = unpack_vectors(row, len(packed) // 2)
    return float(one @ other)


def _compared_contents(database: Database, before: int, after: int) -> tuple[ComparedContent, ComparedContent]:
    rows = {
        id_: ComparedContent(*columns)
        for id_, *columns in database.rows(
            f"SELECT id, {CONTENT_COLUMNS} FROM content WHERE id IN (?, ?)", before, after
        )
    }
    return rows[before], rows[after]


def _held_before(database: Database, file: int, content: int) -> bool:
    """Return whether the path held the content before, and it was not judged to be damaged then."""
    return bool(
        database.value(
            "SELECT 1 FROM history WHERE file = ? AND content = ? AND verdict NOT IN (?, ?)",
            *(file, content, *DAMAGE_VERDICTS),
        )
    )
