"""The owner's labels. They belong to contents, so all copies of a file share them and moves do not lose them.

The label table answers queries; the journal is the authority. They are reconciled at each start of the service.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from catalog import journal
from catalog.choices.not_duplicates import restore_from_journal
from catalog.errors import CatalogError
from catalog.files.queries import files_with_content
from catalog.formatting import path_text
from catalog.journal import JournalEntry, format_timestamp, parse_timestamp
from catalog.store.database import Database

if TYPE_CHECKING:
    from catalog.json_types.labels import LabelJson

JOURNAL_KIND = "label"
CHOICE_VALUES = ("keep", "delete", "clear")  # `clear` removes a label; it is stored in the journal only

LABELS_SQL = (
    "SELECT c.sha256, c.bytes, l.value, l.source, l.at,"
    " (SELECT CAST(d.path || '/' || f.name AS BLOB) FROM file f JOIN directory d ON d.id = f.directory"
    "  WHERE f.content = c.id LIMIT 1)"
    " FROM label l JOIN content c ON c.id = l.content"
)


class LabelChoice(NamedTuple):
    """A choice for a content of `size` bytes. `at`: seconds since the epoch, to the millisecond.

    `path`: the file that the owner labelled; only shown to people.
    """

    sha256: bytes
    size: int
    value: str
    source: str
    at: float
    path: bytes

    @property
    def identity(self) -> tuple[str, float]:
        """Value and time, which distinguish the choices for a content."""
        return self.value, round(self.at, 3)


class LabelDifference(NamedTuple):
    """Choices missing in the table, and choices missing in the journal."""

    missing_in_table: list[LabelChoice]
    missing_in_journal: list[LabelChoice]


def entry_from_choice(choice: LabelChoice) -> JournalEntry:
    """Return the choice as a journal entry."""
    return {
        "at": format_timestamp(choice.at),
        "kind": JOURNAL_KIND,
        "value": choice.value,
        "sha256": choice.sha256.hex(),
        "bytes": choice.size,
        "path": path_text(choice.path),
        "source": choice.source,
    }


def choice_from_entry(entry: JournalEntry) -> LabelChoice | None:
    """Return the choice in a journal entry, or None if the entry is of another kind or invalid."""
    if entry.get("kind") != JOURNAL_KIND:
        return None
    try:
        choice = LabelChoice(
            bytes.fromhex(entry["sha256"]),
            int(entry["bytes"]),
            entry["value"],
            str(entry["source"]),
            parse_timestamp(entry["at"]),
            str(entry["path"]).encode("utf-8", "surrogateescape"),
        )
    except (KeyError, ValueError, TypeError):
        return None
    valid = choice.value in CHOICE_VALUES and len(choice.sha256) == 32 and choice.size >= 0
    return choice if valid else None


def compare_choices(in_table: list[LabelChoice], in_journal: Iterable[LabelChoice]) -> LabelDifference:
    """Return what the table and the journal (oldest first) lack of each other. Pure.

    The journal is written first. So if it contains the table's choice, its last choice is valid. If it does not, it
    has lost entries, and the table's choice is valid. Timestamps do not decide, because the clock may be set back.
    """
    last: dict[bytes, LabelChoice] = {}
    identities: dict[bytes, set[tuple[str, float]]] = {}
    for choice in in_journal:
        last[choice.sha256] = choice
        identities.setdefault(choice.sha256, set()).add(choice.identity)
    missing_in_journal: list[LabelChoice] = []
    for choice in in_table:
        if choice.identity not in identities.get(choice.sha256, ()):
            missing_in_journal.append(choice)
            last.pop(choice.sha256, None)
        elif last[choice.sha256].identity == choice.identity:
            del last[choice.sha256]
    labelled = {choice.sha256 for choice in in_table}
    missing_in_table = [choice for choice in last.values() if choice.value != "clear" or choice.sha256 in labelled]
    return LabelDifference(missing_in_table, missing_in_journal)


def table_choices(database: Database) -> list[LabelChoice]:
    """Return the choices in the table."""
    return [
        LabelChoice(sha256, size, value, source, at, path or b"")
        for sha256, size, value, source, at, path in database.rows(LABELS_SQL)
    ]


def journal_choices(state: Path) -> list[LabelChoice]:
    """Return the choices in the journal, oldest first. Raises JournalError if it cannot be read."""
    return [choice for entry in journal.read(state) if (choice := choice_from_entry(entry)) is not None]


def effective_choices(database: Database, state: Path) -> dict[bytes, LabelChoice]:
    """Return the choices by sha256, as `reconcile_with_journal` would leave them, with the labelled path if known.

    Raises JournalError if the journal cannot be read.
    """
    in_table, in_journal = table_choices(database), journal_choices(state)
    labelled_paths = {choice.sha256: choice.path for choice in in_journal}
    missing_in_table = compare_choices(in_table, in_journal).missing_in_table
    choices = {choice.sha256: choice for choice in [*in_table, *missing_in_table]}
    return {
        sha256: choice._replace(path=labelled_paths.get(sha256, choice.path))
        for sha256, choice in choices.items()
        if choice.value != "clear"
    }


def store_choice(database: Database, choice: LabelChoice) -> None:
    """Store a choice in the table. The content may no longer have any file. Call in a transaction."""
    database.run("INSERT INTO content(sha256, bytes) VALUES (?, ?) ON CONFLICT DO NOTHING", choice.sha256, choice.size)
    if choice.value == "clear":
        database.run("DELETE FROM label WHERE content = (SELECT id FROM content WHERE sha256 = ?)", choice.sha256)
        return
    database.run(
        "INSERT INTO label(content, value, source, at) SELECT id, ?, ?, ? FROM content WHERE sha256 = ?"
        " ON CONFLICT (content) DO UPDATE SET value = excluded.value, source = excluded.source, at = excluded.at",
        *(choice.value, choice.source, choice.at, choice.sha256),
    )


def record_choices(database: Database, state: Path, choices: list[LabelChoice]) -> None:
    """Store new choices in the journal and in the table: all of them or none.

    Raises JournalError if the journal cannot be written, StoreError if the catalog is locked or damaged.
    """
    written = None
    try:
        with database.transaction():
            for choice in choices:
                store_choice(database, choice)
            written = journal.append(state, map(entry_from_choice, choices))
    except CatalogError:  # if it is from the commit, the journal is already written
        if written is not None:
            journal.undo_append(state, written)
        raise


def reconcile_with_journal(database: Database, state: Path) -> LabelDifference:
    """Add what table and journal lack of each other; return what was missing. In a transaction. Raises JournalError."""
    restore_from_journal(database, state)
    difference = compare_choices(table_choices(database), journal_choices(state))
    for choice in difference.missing_in_table:
        store_choice(database, choice)
    journal.append(state, map(entry_from_choice, difference.missing_in_journal))
    return difference


PAGE_ROWS = 1000
LABEL_PAGE_SQL = (
    "SELECT c.id, c.sha256, l.value, l.source, l.at FROM label l JOIN content c ON c.id = l.content"
    " WHERE c.id > ? ORDER BY c.id LIMIT ?"
)


def labelled_paths(
    database: Database, content: int, sha256: bytes, known: dict[bytes, LabelChoice]
) -> tuple[str, list[str]]:
    """Return the files of a content, and before them the one to show: the labelled file if there is none any more."""
    paths = [path_text(entry.path) for entry in files_with_content(database, content)]
    labelled_path = path_text(known[sha256].path) if sha256 in known else ""
    return next(iter(paths), labelled_path), paths


def label_records(database: Database, known: dict[bytes, LabelChoice]) -> "Iterator[LabelJson]":
    """Yield the JSON objects that `label list --json` documents, page by page."""
    after = 0
    while rows := database.rows(LABEL_PAGE_SQL, after, PAGE_ROWS):
        for content, sha256, value, source, at in rows:
            path, paths = labelled_paths(database, content, sha256, known)
            yield {
                "path": path,
                "label": value,
                "source": source,
                "at": format_timestamp(at),
                "sha256": sha256.hex(),
                "paths": paths,
            }
            after = content
