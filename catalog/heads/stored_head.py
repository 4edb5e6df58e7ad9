"""Trained heads in the catalog, and which one is in use."""

from typing import NamedTuple

from catalog.errors import UsageError
from catalog.heads.name_vectors import TextTowerKey
from catalog.store.database import Database
from catalog.store.models import Model, current_model
from models.learn.file_features import FILE_FEATURES
from models.learn.head import Head, HeadError, unpack_head


class StoredHead(NamedTuple):
    """A row of the head table. `used`: it is the head in use. `seq`: it has scored the change log up to here."""

    id: int
    model: int
    made_at: float
    used: bool
    seq: int
    head: Head

    @property
    def tower(self) -> TextTowerKey:
        """The text tower whose name vectors the head uses; its id is "" for none."""
        return TextTowerKey(self.model, self.head.tower, self.head.dims)


HEAD_COLUMNS = "id, model, made_at, role IS NOT NULL, seq, data"


def scoring_head(database: Database) -> StoredHead | None:
    """Return the head in use if it was trained for the current model; it cannot score the vectors of another."""
    head, model = active_head(database), current_model(database)
    return head if head is not None and model is not None and head.model == model.id else None


def active_head(database: Database) -> StoredHead | None:
    """Return the head in use, whose scores are valid. After a change of model it may be one for the model before."""
    row = database.row(f"SELECT {HEAD_COLUMNS} FROM head WHERE role = 'current'")
    return None if row is None else _head_from_row(*row)


def require_head(database: Database) -> StoredHead:
    """Return the head in use. Raises UsageError without one."""
    head = active_head(database)
    if head is None and database.rows("SELECT 1 FROM head WHERE role = 'current'"):
        raise UsageError(
            "the head in use is damaged, or was made by another version of catalogd",
            "Train a new one: `catalog train`. The running service does so by itself.",
        )
    if head is None:
        raise UsageError(
            "no head has been trained yet, so no file has a p_delete",
            "Label at least ten images of each kind (`catalog label keep|delete PATH…`), then run `catalog train`.",
        )
    return head


def all_heads(database: Database) -> list[StoredHead]:
    """Return all readable heads, newest first."""
    rows = database.rows(f"SELECT {HEAD_COLUMNS} FROM head ORDER BY id DESC")
    return [head for row in rows if (head := _head_from_row(*row)) is not None]


def _head_from_row(id: int, model: int, made_at: float, used: int, seq: int, data: bytes) -> StoredHead | None:
    """Return None if `data` is not a head, or one for another version's features, which cannot score anything here."""
    try:
        head = unpack_head(data)
    except HeadError:
        return None
    count = len(FILE_FEATURES)
    known = head.features[:count] == FILE_FEATURES and len(head.features) == count + bool(head.tower)
    return StoredHead(id, model, made_at, bool(used), seq, head) if known else None


def store_head(database: Database, model: Model, head: Head, now: float) -> int:
    """Store a head without activating it; return its id. In a transaction."""
    return int(
        database.value(
            "INSERT INTO head(model, made_at, data) VALUES (?, ?, ?) RETURNING id", model.id, now, head.pack()
        )
    )


def activate_head(database: Database, head: int) -> None:
    """Use this head for all scores from now on. In a transaction."""
    database.run("UPDATE head SET role = NULL WHERE role IS NOT NULL")
    database.run("UPDATE head SET role = 'current', seq = 0 WHERE id = ?", head)
    database.run("DELETE FROM bare")
