"""The owner's choices in the table against those in the journal."""

from collections.abc import Iterator
from pathlib import Path

from catalog.choices.labels import Difference, compare, held, said
from catalog.integrity.check_row import Finding
from catalog.store.database import Database

LOOKS = 3  # a choice that is being made right now is in the journal a moment before it is in the table


def journal_findings(database: Database, state: Path) -> Iterator[Finding]:
    """What either lacks. Raises JournalFault."""
    found = Difference([], [])
    for _ in range(LOOKS):
        found = compare(held(database), said(state))
        if not any(found):
            return
    for word, lacking in (("the catalog lacks", found.unheld), ("the journal lacks", found.unsaid)):
        for choice in lacking:
            path = choice.path or None
            yield Finding("journal", path, f"{word} the choice to {choice.value} {choice.sha256.hex()}")
