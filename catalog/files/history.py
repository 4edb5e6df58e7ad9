"""Every content that a path ever held, and what each change was judged to be. Inside the writer's transaction.

A file that is met for the first time is only noted: nothing is compared, and nothing more is asked of the catalog.
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


class ReadOutcome(NamedTuple):
    """What became of the bytes that were read. `reason`: why they are rejected, None where they are well."""

    reason: RejectReason | None = None
    detail: str = ""
    clues: ContentComparison = NO_COMPARISON


def record_content_change(
    database: Database, file: int, seen: Signature, content: int, now: float, fate: ReadOutcome
) -> Verdict | None:
    """Note a content that the path did not hold before. Returns the verdict on the change; None where there is none."""
    row = database.row(LAST_HISTORY_SQL, file, *seen.stamp)
    if row is None:
        return None
    betrayed, newest = row
    if newest is None:
        add_history_row(database, file, seen, content, now, Verdict(VerdictKind.FIRST, ""))
        return None
    last, mtime_ns = database.rows("SELECT content, mtime_ns FROM history WHERE id = ?", newest)[0]
    if last == content:
        return None
    case = ContentChange(
        *_compared_contents(database, last, content),
        clues=_complete_comparison(database, fate.clues, last, content),
        betrayed=bool(betrayed),
        same_mtime=mtime_ns == seen.mtime_ns,
        reason=fate.reason,
        detail=fate.detail,
        held=_held_here_before(database, file, content),
        elsewhere=_held_elsewhere(database, file, content),
    )
    verdict = classify_change(case)
    add_history_row(database, file, seen, content, now, verdict)
    return verdict


def add_history_row(database: Database, file: int, seen: Signature, content: int, now: float, verdict: Verdict) -> None:
    """Write one row."""
    database.run(
        "INSERT INTO history(file, content, size, mtime_ns, seen_at, verdict, evidence) VALUES (?, ?, ?, ?, ?, ?, ?)",
        *(file, content, seen.size, seen.mtime_ns, now, verdict.word, verdict.evidence or None),
    )


def _complete_comparison(database: Database, clues: ContentComparison, before: int, after: int) -> ContentComparison:
    """Clues about another past say nothing. Bytes that were known need no embedding: both vectors are here."""
    clues = clues if clues.past == before else NO_COMPARISON
    return clues if clues.cosine is not None else clues._replace(cosine=_cosine(database, before, after))


def _cosine(database: Database, before: int, after: int) -> float | None:
    row = database.row(
        "SELECT a.data, b.data FROM vector a JOIN vector b ON b.model = a.model AND b.content = ?"
        " WHERE a.content = ? ORDER BY a.model DESC LIMIT 1",
        *(after, before),
    )
    if row is None:
        return None
    from catalog.store.vectors import unpack_vectors  # numpy, of which the questions asked of a history have no need

    one, other = unpack_vectors(row, len(row[0]) // 2)
    return float(one @ other)


def _compared_contents(database: Database, before: int, after: int) -> tuple[ComparedContent, ComparedContent]:
    rows = {
        id_: ComparedContent(*told)
        for id_, *told in database.rows(f"SELECT id, {CONTENT_COLUMNS} FROM content WHERE id IN (?, ?)", before, after)
    }
    return rows[before], rows[after]


def _held_here_before(database: Database, file: int, content: int) -> bool:
    """Whether the path held it before, and nobody thought it damaged then."""
    return bool(
        database.value(
            "SELECT 1 FROM history WHERE file = ? AND content = ? AND verdict NOT IN (?, ?)",
            *(file, content, *DAMAGE_VERDICTS),
        )
    )


def _held_elsewhere(database: Database, file: int, content: int) -> bool:
    return bool(database.value("SELECT 1 FROM file WHERE content = ? AND id != ? AND state = 'ok'", content, file))
