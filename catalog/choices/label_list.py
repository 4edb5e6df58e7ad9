"""All labels with where their contents lie now, as far as they lie anywhere."""

from collections.abc import Iterator
from typing import Any

from catalog.choices.labels import Choice
from catalog.files.queries import holders
from catalog.formatting import text
from catalog.journal import iso
from catalog.store.database import Database

PAGE = 1000
ROWS = (
    "SELECT c.id, c.sha256, l.value, l.source, l.at FROM label l JOIN content c ON c.id = l.content"
    " WHERE c.id > ? ORDER BY c.id LIMIT ?"
)


def label_lines(database: Database, known: dict[bytes, Choice]) -> Iterator[dict[str, Any]]:
    """What `label list --json` promises, page by page. `path`: a file of `paths`, or where the owner saw it."""
    after = 0
    while rows := database.rows(ROWS, after, PAGE):
        for content, sha256, value, source, at in rows:
            paths = [text(entry.path) for entry in holders(database, content)]
            named = text(known[sha256].path) if sha256 in known else ""
            yield {
                "path": paths[0] if paths else named,
                "label": value,
                "source": source,
                "at": iso(at),
                "sha256": sha256.hex(),
                "paths": paths,
            }
        after = rows[-1][0]
