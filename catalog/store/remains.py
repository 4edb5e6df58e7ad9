"""Traces of a catalog beside the place where it should lie: a new, empty one must not silently take its place."""

from pathlib import Path

from catalog.backup.retention import made_at
from catalog.filesystem.atomic_write import size_of
from catalog.journal import journal_path

BACKUPS = "backups"


def remains(database: Path) -> str:
    """What shows that there was a catalog at this path, in words that `there` may follow; "" where nothing does.

    Never raises.
    """
    state = database.parent
    try:
        if any(made_at(path.name) is not None for path in (state / BACKUPS).glob("catalog-*.db")):
            return "its backups are"
        if size_of(journal_path(state)):
            return "its journal is"
        if any(state.glob("index-*.head")):
            return "its index is"
        # Only beside a file that is not there at all: while one is made, its log is the first to be written.
        if not size_of(database) and size_of(database.with_name(database.name + "-wal")):
            return "its write-ahead log is"
    except OSError:
        pass  # what cannot be looked at shows nothing, and opening the catalog tells why
    return ""
