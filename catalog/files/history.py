"""Every content that a path ever held, and what each change was judged to be. Inside the writer's transaction.

A file that is met for the first time is only noted: nothing is compared, and nothing more is asked of the catalog.
"""

from typing import NamedTuple

from catalog.filesystem.stat_signature import Signature
from catalog.store.database import Database
from catalog.verdict.case import DAMAGING, Case, Clues, Side, Verdict, Word
from catalog.verdict.rules import judge
from models.decode.reason import Reason

NOTHING = Clues()
SIDE = "format, width, height, taken_at, camera, note, suspect, picture"
UNCHANGED = "id = ? AND size = ? AND mtime_ns = ? AND ctime_ns = ? AND state != 'gone'"
LAST = (
    "SELECT betrayed, (SELECT id FROM history WHERE file = file.id ORDER BY id DESC LIMIT 1)"
    f" FROM file WHERE {UNCHANGED}"
)


class Fate(NamedTuple):
    """What became of the bytes that were read. `reason`: why they are rejected, None where they are well."""

    reason: Reason | None = None
    detail: str = ""
    clues: Clues = NOTHING


def remember(database: Database, file: int, seen: Signature, content: int, now: float, fate: Fate) -> Verdict | None:
    """Note a content that the path did not hold before. Returns the verdict on the change; None where there is none."""
    row = database.row(LAST, file, *seen.stamp)
    if row is None:
        return None
    betrayed, newest = row
    if newest is None:
        add(database, file, seen, content, now, Verdict(Word.FIRST, ""))
        return None
    last, mtime_ns = database.rows("SELECT content, mtime_ns FROM history WHERE id = ?", newest)[0]
    if last == content:
        return None
    case = Case(
        *_sides(database, last, content),
        clues=_clues(database, fate.clues, last, content),
        betrayed=bool(betrayed),
        same_mtime=mtime_ns == seen.mtime_ns,
        reason=fate.reason,
        detail=fate.detail,
        held=_held(database, file, content),
        elsewhere=_elsewhere(database, file, content),
    )
    verdict = judge(case)
    add(database, file, seen, content, now, verdict)
    return verdict


def add(database: Database, file: int, seen: Signature, content: int, now: float, verdict: Verdict) -> None:
    """Write one row."""
    database.run(
        "INSERT INTO history(file, content, size, mtime_ns, seen_at, verdict, evidence) VALUES (?, ?, ?, ?, ?, ?, ?)",
        *(file, content, seen.size, seen.mtime_ns, now, verdict.word, verdict.evidence or None),
    )


def _clues(database: Database, clues: Clues, before: int, after: int) -> Clues:
    """Clues about another past say nothing. Bytes that were known need no embedding: both vectors are here."""
    clues = clues if clues.past == before else NOTHING
    return clues if clues.cosine is not None else clues._replace(cosine=_cosine(database, before, after))


def _cosine(database: Database, before: int, after: int) -> float | None:
    row = database.row(
        "SELECT a.data, b.data FROM vector a JOIN vector b ON b.model = a.model AND b.content = ?"
        " WHERE a.content = ? ORDER BY a.model DESC LIMIT 1",
        *(after, before),
    )
    if row is None:
        return None
    from catalog.store.vectors import unpack  # numpy, of which the questions asked of a history have no need

    one, other = unpack(row, len(row[0]) // 2)
    return float(one @ other)


def _sides(database: Database, before: int, after: int) -> tuple[Side, Side]:
    rows = {
        id_: Side(*told)
        for id_, *told in database.rows(f"SELECT id, {SIDE} FROM content WHERE id IN (?, ?)", before, after)
    }
    return rows[before], rows[after]


def _held(database: Database, file: int, content: int) -> bool:
    """Whether the path held it before, and nobody thought it damaged then."""
    return bool(
        database.value(
            "SELECT 1 FROM history WHERE file = ? AND content = ? AND verdict NOT IN (?, ?)",
            *(file, content, *DAMAGING),
        )
    )


def _elsewhere(database: Database, file: int, content: int) -> bool:
    return bool(database.value("SELECT 1 FROM file WHERE content = ? AND id != ? AND state = 'ok'", content, file))
