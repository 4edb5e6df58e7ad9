"""The heads that were trained, and which one is in use."""

from typing import NamedTuple

from catalog.errors import UsageFault
from catalog.heads.name_vectors import Owner
from catalog.store.database import Database
from catalog.store.models import Model, current
from models.learn.file_features import TRAITS
from models.learn.head import Head, HeadError, unpack


class Kept(NamedTuple):
    """One row. `seq`: the change log is scored up to there."""

    id: int
    model: int
    made_at: float
    used: bool
    seq: int
    head: Head

    @property
    def tower(self) -> Owner:
        """Whose vectors of names it wants; its id is "" for none."""
        return Owner(self.model, self.head.tower, self.head.dims)


COLUMNS = "id, model, made_at, role IS NOT NULL, seq, data"


def in_use(database: Database) -> Kept | None:
    """The head that scores, if it was trained for the model that answers: other vectors mean nothing to it."""
    head, model = standing(database), current(database)
    return head if head is not None and model is not None and head.model == model.id else None


def standing(database: Database) -> Kept | None:
    """The head whose scores stand: the one that scores, or till there is one for a new model, the one before."""
    row = database.row(f"SELECT {COLUMNS} FROM head WHERE role = 'current'")
    return None if row is None else _kept(row)


def needed(database: Database) -> Kept:
    """The head whose scores stand. Raises UsageFault without one."""
    head = standing(database)
    if head is None and database.rows("SELECT 1 FROM head WHERE role = 'current'"):
        raise UsageFault(
            "the head in use is damaged, or of another version of catalogd",
            "Train another: `catalog train`; the service does it by itself.",
        )
    if head is None:
        raise UsageFault(
            "nothing was learned yet, so no file has a p_delete",
            "Label some, ten of each kind at least (`catalog label keep|delete PATH…`), then `catalog train`.",
        )
    return head


def kept(database: Database) -> list[Kept]:
    """All heads that can be read, the newest first."""
    return [one for row in database.rows(f"SELECT {COLUMNS} FROM head ORDER BY id DESC") if (one := _kept(row))]


def _kept(row: tuple[int, int, float, int, int, bytes]) -> Kept | None:
    """None for bytes that are no head, and for one of another version's features: it can score nothing here."""
    try:
        head = unpack(row[5])
    except HeadError:
        return None
    known = head.features[: len(TRAITS)] == TRAITS and len(head.features) == len(TRAITS) + bool(head.tower)
    return Kept(row[0], row[1], row[2], bool(row[3]), row[4], head) if known else None


def keep(database: Database, model: Model, head: Head, now: float) -> int:
    """Store a head, not in use yet; returns its id. In a transaction."""
    return int(
        database.value(
            "INSERT INTO head(model, made_at, data) VALUES (?, ?, ?) RETURNING id", model.id, now, head.pack()
        )
    )


def use(database: Database, head: int) -> None:
    """Have this head score everything from now on. In a transaction."""
    database.run("UPDATE head SET role = NULL WHERE role IS NOT NULL")
    database.run("UPDATE head SET role = 'current', seq = 0 WHERE id = ?", head)
    database.run("DELETE FROM bare")
