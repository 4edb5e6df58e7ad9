"""What to look at first: the files most likely to be deleted, and what that would free."""

from catalog.console import size
from catalog.context import Asking
from catalog.heads.candidates import Proposal, candidates
from catalog.heads.stored_head import Kept, standing
from catalog.report.elements import Last, Rows, Section, Thumbnail
from catalog.report.wording import many

SHOWN = 24
LISTED = 8  # in a table, where each takes some lines
LIKELY = (
    "SELECT count(*), coalesce(sum(c.bytes), 0) FROM score s JOIN content c ON c.id = s.content"
    " LEFT JOIN label l ON l.content = s.content"
    " WHERE s.head = ? AND c.refs > 0 AND (l.value = 'delete' OR l.value IS NULL AND s.p_delete >= ?)"
)


def section(asking: Asking, now: float, last: Last) -> Section:
    """The first of `catalog candidates`, with the bytes of all that the head is sure of or that is labelled so."""
    head = standing(asking.database)
    if head is None:
        return Section("Candidates", "Nothing was learned yet: label some pictures, then `catalog train`")
    contents, freed = _likely(asking, head)
    found = list(candidates(asking, SHOWN))
    shown = sum(_bytes(one) for one in found)
    return Section(
        "Candidates",
        f"{many(contents, 'picture')} you would likely delete, {size(freed)}"
        if contents
        else "No picture stands out as one you would delete",
        lines=(f"The first {len(found)} would free {size(shown)}",) if found else (),
        rows=Rows(
            ("p_delete", "frees", "file", "why"),
            tuple(map(_row, found[:LISTED])),
            right=("p_delete", "frees"),
        ),
        thumbnails=tuple(Thumbnail(one.files[0].path, (size(_bytes(one)), *one.why), one.p_delete) for one in found),
        more="catalog candidates" if found else "",
        record={
            "contents": contents,
            "bytes_freed": freed,
            "shown_bytes": shown,
            "files": [one.record() for one in found],
        },
    )


def _likely(asking: Asking, head: Kept) -> tuple[int, int]:
    (found,) = asking.database.rows(LIKELY, head.id, head.head.delete_above)
    return int(found[0]), int(found[1])


def _bytes(one: Proposal) -> int:
    """What deleting its files frees: a hard link takes no room of its own."""
    return sum({file.place: file.bytes for file in one.files}.values())


def _row(one: Proposal) -> tuple[str | bytes, ...]:
    return f"{one.p_delete:.3f}", size(_bytes(one)), one.files[0].path, "; ".join(one.why)
