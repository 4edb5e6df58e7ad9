"""What to look at first: the files most likely to be deleted, and what that would free."""

from catalog.console import format_size
from catalog.context import CatalogContext
from catalog.heads.candidates import DeletionCandidate, deletion_candidates
from catalog.heads.stored_head import StoredHead, active_head
from catalog.report.elements import Baseline, Section, Table, Thumbnail
from catalog.report.wording import pluralize

SHOWN_FILES = 24
TABLE_ROWS = 8  # in a table, where each takes some lines
LIKELY_DELETED_SQL = (
    "SELECT count(*), coalesce(sum(c.bytes), 0) FROM score s JOIN content c ON c.id = s.content"
    " LEFT JOIN label l ON l.content = s.content"
    " WHERE s.head = ? AND c.refs > 0 AND (l.value = 'delete' OR l.value IS NULL AND s.p_delete >= ?)"
)


def section(asking: CatalogContext, now: float, last: Baseline) -> Section:
    """The first of `catalog candidates`, with the bytes of all that the head is sure of or that is labelled so."""
    head = active_head(asking.database)
    if head is None:
        return Section("Candidates", "Nothing was learned yet: label some pictures, then `catalog train`")
    contents, freed = _likely(asking, head)
    found = list(deletion_candidates(asking, SHOWN_FILES))
    shown = sum(_bytes_freed(one) for one in found)
    return Section(
        "Candidates",
        f"{pluralize(contents, 'picture')} you would likely delete, {format_size(freed)}"
        if contents
        else "No picture stands out as one you would delete",
        lines=(f"The first {len(found)} would free {format_size(shown)}",) if found else (),
        rows=Table(
            ("p_delete", "frees", "file", "why"),
            tuple(map(_row, found[:TABLE_ROWS])),
            right=("p_delete", "frees"),
        ),
        thumbnails=tuple(
            Thumbnail(one.files[0].path, (format_size(_bytes_freed(one)), *one.reasons), one.p_delete) for one in found
        ),
        more="catalog candidates" if found else "",
        record={
            "contents": contents,
            "bytes_freed": freed,
            "shown_bytes": shown,
            "files": [one.record() for one in found],
        },
    )


def _likely(asking: CatalogContext, head: StoredHead) -> tuple[int, int]:
    (found,) = asking.database.rows(LIKELY_DELETED_SQL, head.id, head.head.delete_above)
    return int(found[0]), int(found[1])


def _bytes_freed(one: DeletionCandidate) -> int:
    """What deleting its files frees: a hard link takes no room of its own."""
    return sum({file.inode_key: file.bytes for file in one.files}.values())


def _row(one: DeletionCandidate) -> tuple[str | bytes, ...]:
    return f"{one.p_delete:.3f}", format_size(_bytes_freed(one)), one.files[0].path, "; ".join(one.reasons)
