"""The models that vectors belong to. One is current and answers; another may be next, while everything is embedded
afresh for it. `provider` and `cosine` are those of this machine's last attestation.
"""

from typing import NamedTuple

from catalog.store.database import Database

COLUMNS = "id, digest, name, dims, provider, cosine, folder"


class Model(NamedTuple):
    """One row. `digest`: the bundle's id. `folder`: where the bundle lay when it was last used here."""

    id: int
    digest: str
    name: str
    dims: int
    provider: str
    cosine: float
    folder: str | None


def current_model(database: Database) -> Model | None:
    """The model in use."""
    return _with_role(database, "current")


def next_model(database: Database) -> Model | None:
    """The model that everything is being embedded for, to take over once it is done."""
    return _with_role(database, "next")


def _with_role(database: Database, role: str) -> Model | None:
    row = database.row(f"SELECT {COLUMNS} FROM model WHERE role = ?", role)
    return None if row is None else Model(*row)


def set_current_model(database: Database, digest: str, name: str, dims: int, now: float, folder: str = "") -> int:
    """Make this model the current one at once; returns its row. In a transaction.

    Every file that it has not embedded becomes pending; that holds too for one that comes back after another's turn.
    """
    model = _ensure_model(database, digest, name, dims, folder, now)
    held = current_model(database)
    if held is None or held.id != model:
        _make_current(database, model, now)
    database.run("UPDATE model SET role = NULL WHERE role = 'next'")
    return model


def set_next_model(database: Database, digest: str, name: str, dims: int, now: float, folder: str = "") -> int:
    """Make this model the next one, beside the current one; returns its row. In a transaction."""
    model = _ensure_model(database, digest, name, dims, folder, now)
    database.run("UPDATE model SET role = NULL WHERE role = 'next' AND id != ?", model)
    database.run("UPDATE model SET role = 'next' WHERE id = ?", model)
    return model


def promote_next_model(database: Database, now: float) -> None:
    """The next model becomes the current one. In a transaction: a kill leaves either the old or the new, whole."""
    model = next_model(database)
    if model is not None:
        _make_current(database, model.id, now)


def _make_current(database: Database, model: int, now: float) -> None:
    database.run("UPDATE model SET role = NULL WHERE role IS NOT NULL")
    database.run("UPDATE model SET role = 'current' WHERE id = ?", model)
    database.run(
        "UPDATE file SET state = 'pending', due = ? WHERE state = 'ok' AND NOT EXISTS"
        " (SELECT 1 FROM vector WHERE vector.content = file.content AND vector.model = ?)",
        *(now, model),
    )


def _ensure_model(database: Database, digest: str, name: str, dims: int, folder: str, now: float) -> int:
    return int(
        database.value(
            "INSERT INTO model(digest, name, dims, provider, cosine, attested_at, folder) VALUES (?, ?, ?, '', 0, ?, ?)"
            " ON CONFLICT (digest) DO UPDATE SET name = excluded.name, folder = excluded.folder RETURNING id",
            *(digest, name, dims, now, folder or None),
        )
    )


def record_attestation(database: Database, model: int, provider: str, cosine: float, now: float) -> None:
    """Record what runs the model here and how close it comes to its maker's figures. In a transaction."""
    database.run(
        "UPDATE model SET provider = ?, cosine = ?, attested_at = ? WHERE id = ?", provider, cosine, now, model
    )


RETAINED_VECTOR = (
    "v.live = 0 AND EXISTS (SELECT 1 FROM label l WHERE l.content = v.content)"  # the label's only picture is gone
)


def delete_vectors(database: Database, model: int, limit: int) -> int:
    """Delete up to `limit` vectors of a model that has no role; returns how many. In a transaction.

    Those of labelled contents that no file holds any more stay: a label teaches nothing without its vector.
    """
    return database.run(
        "DELETE FROM vector WHERE id IN (SELECT v.id FROM vector v JOIN model m ON m.id = v.model"
        f" WHERE v.model = ? AND m.role IS NULL AND NOT ({RETAINED_VECTOR}) LIMIT ?)",
        *(model, limit),
    )


def delete_name_vectors(database: Database, model: int) -> None:
    """Delete what a model that has no role made of names: it makes them again. In a transaction."""
    database.run(
        "DELETE FROM wording WHERE model IN (SELECT id FROM model WHERE id = ? AND role IS NULL)",
        model,
    )


def count_retained_vectors(database: Database, model: int) -> int:
    """How many vectors of a model `drop` lets stand."""
    return int(database.value(f"SELECT count(*) FROM vector v WHERE v.model = ? AND {RETAINED_VECTOR}", model))
