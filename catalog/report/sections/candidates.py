"""The section on likely deletions, and the space they would free."""

from typing import TYPE_CHECKING

from catalog.console import format_size
from catalog.context import CatalogContext
from catalog.files.queries import kept_content_sql
from catalog.heads.candidates import DeletionCandidate, deletion_candidates
from catalog.heads.stored_head import StoredHead, active_head
from catalog.report.elements import Baseline, Cell, Section, Table, Thumbnail
from catalog.report.wording import pluralize

if TYPE_CHECKING:
    from catalog.json_types.report import CandidatesSectionJson

SHOWN_FILES = 24
TABLE_ROWS = 8  # fewer than the thumbnails: on a narrow terminal each row takes several lines
LIKELY_DELETED_SQL = (
    "SELECT count(*), coalesce(sum(c.bytes), 0) FROM score s JOIN content c ON c.id = s.content"
    " LEFT JOIN label l ON l.content = s.content"
    " WHERE s.head = ? AND c.refs > 0 AND (l.value = 'delete' OR l.value IS NULL AND s.p_delete >= ?)"
)


def section(context: CatalogContext, now: float, baseline: Baseline) -> Section:
    """Show the first of `catalog candidates`, and the total size of images labelled or confidently scored delete."""
    head = active_head(context.database)
    if head is None:
        return Section("Candidates", "No head yet: label some images, then run `catalog train`")
    contents, total_bytes = _likely(context, head)
    shown = list(deletion_candidates(context, SHOWN_FILES))
    shown_bytes = sum(_bytes_freed(candidate) for candidate in shown)
    record: CandidatesSectionJson = {
        "contents": contents,
        "bytes_freed": total_bytes,
        "shown_bytes": shown_bytes,
        "files": [candidate.record() for candidate in shown],
    }
    return Section(
        "Candidates",
        f"You would likely delete {pluralize(contents, 'image')}, {format_size(total_bytes)}"
        if contents
        else "No image looks like one you would delete",
        lines=(f"The first {len(shown)} would free {format_size(shown_bytes)}",) if shown else (),
        table=Table(
            ("p_delete", "frees", "file", "reasons"),
            tuple(map(_row, shown[:TABLE_ROWS])),
            right=("p_delete", "frees"),
        ),
        thumbnails=tuple(map(_thumbnail, shown)),
        more="catalog candidates" if shown else "",
        record=record,
    )


def _likely(context: CatalogContext, head: StoredHead) -> tuple[int, int]:
    likely_sql = LIKELY_DELETED_SQL + kept_content_sql(context.database, "c.id")
    ((contents, total_bytes),) = context.database.rows(likely_sql, head.id, head.head.delete_above)
    return int(contents), int(total_bytes)


def _bytes_freed(candidate: DeletionCandidate) -> int:
    """Return the bytes that deleting all its files would free; hard links count once."""
    return sum({file.inode_key: file.bytes for file in candidate.files}.values())


def _row(candidate: DeletionCandidate) -> tuple[Cell, ...]:
    size = format_size(_bytes_freed(candidate))
    return f"{candidate.p_delete:.3f}", size, candidate.files[0].path, "; ".join(candidate.reasons)


def _thumbnail(candidate: DeletionCandidate) -> Thumbnail:
    captions = (format_size(_bytes_freed(candidate)), *candidate.reasons)
    return Thumbnail(candidate.files[0].path, captions, candidate.p_delete)
