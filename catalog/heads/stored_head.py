"""The heads that were trained, and which one is in use."""

from typing import NamedTuple

from catalog.errors import UsageError
from catalog.heads.name_vectors import TextTowerKey
from catalog.store.database import Database
from catalog.store.models import Model, current_model
from models.learn.file_features import FILE_FEATURES
from models.learn.head import Head, HeadError, unpack_head


class StoredHead(NamedTuple):
    """One row. `seq`: the change log is scored up to there."""

    id: int
    model: int
    made_at: float
    used: bool
    seq: int
    head: Head

    @property
    def tower(self) -> TextTowerKey:
        """Whose vectors of names it wants; its id is "" for none."""
        return TextTowerKey(self.model, self.head.tower, self.head.dims)


HEAD_COLUMNS = "id, model, made_at, role IS NOT NULL, seq, data"


def scoring_head(database: Database) -> StoredHead | None:
    """The head that scores, if it was trained for the model that answers: other vectors mean nothing to it."""
    head, model = active_head(database), current_model(database)
    return head if head is not None and model is not None and head.model == model.id else None


def active_head(database: Database) -> StoredHead | None:
    """The head whose scores stand: the one that scores, or till there is one for a new model, the one before."""
    row = database.row(f"SELECT {HEAD_COLUMNS} FROM head WHERE role = 'current'")
    return None if row is None else _head_from_row(row)


def require_head(database: Database) -> StoredHead:
    """The head whose scores stand. Raises UsageFault without one."""
    head = active_head(database)
    if head is None and database.rows("SELECT 1 FROM head WHERE role = 'current'"):
        raise UsageError(
            "the head in use is damaged, or of another version of catalogd",
            "Train another: `catalog train`; the service does it by itself.",
        )
    if head is None:
        raise UsageError(
            "nothing was learned yet, so no file has a p_delete",
            "Label some, ten of each kind at least (`catalog label keep|delete PATH…`), then `catalog train`.",
        )
    return head


def all_heads(database: Database) -> list[StoredHead]:
    """All heads that can be read, the newest first."""
    return [
        one
        for row in database.rows(f"SELECT {HEAD_COLUMNS} FROM head ORDER BY id DESC")
        if (one := _head_from_row(row))
    ]


def _head_from_row(row: tuple[int, int, float, int, int, bytes]) -> StoredHead | None:
    """None for bytes that are no head, and for one of another version's features: it can score nothing here."""
    try:
        head = unpack_head(row[5])
    except HeadError:
        return None
    known = head.features[: len(FILE_FEATURES)] == FILE_FEATURES and len(head.features) == len(FILE_FEATURES) + bool(
        head.tower
    )
    return StoredHead(row[0], row[1], row[2], bool(row[3]), row[4], head) if known else None


def store_head(database: Database, model: Model, head: Head, now: float) -> int:
    """Store a head, not in use yet; returns its id. In a transaction."""
    return int(
        database.value(
            "INSERT INTO head(model, made_at, data) VALUES (?, ?, ?) RETURNING id", model.id, now, head.pack()
        )
    )


def activate_head(database: Database, head: int) -> None:
    """Have this head score everything from now on. In a transaction."""
    database.run("UPDATE head SET role = NULL WHERE role IS NOT NULL")
    database.run("UPDATE head SET role = 'current', seq = 0 WHERE id = ?", head)
    database.run("DELETE FROM bare")
